"""Multi-temperature reinforcement learning with verifiable rewards, as a DVC pipeline."""
