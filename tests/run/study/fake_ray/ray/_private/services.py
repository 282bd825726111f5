def canonicalize_bootstrap_address(address):
    return address
