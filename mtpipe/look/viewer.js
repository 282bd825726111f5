"use strict";
const LEVELS = 25, AT_ONCE = 1500, SIBLINGS_SHOWN = 6;
const byId = id => document.getElementById(id);
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

async function unpack(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent), letter => letter.charCodeAt(0));
  byId(id).remove();
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function start() {
  const data = JSON.parse(new TextDecoder().decode(await unpack("rows")));
  const packed = await unpack("tokens");
  const count = data.length.reduce((sum, length) => sum + length, 0);
  const wide = data.vocabulary.length >= 65536;
  const place = wide ? new Uint32Array(packed, 0, count) : new Uint16Array(packed, 0, count);
  const column = number => new Uint16Array(packed, count * (wide ? 4 : 2) + 2 * count * number, count);
  const values = { entropy: column(0), temperature: column(1), surprise: column(2) };
  const first = [];
  let total = 0;
  for (const length of data.length) { first.push(total); total += length; }
  const heat = data.length.map((length, row) => {
    let sum = 0;
    for (let token = first[row]; token < first[row] + length; token++) sum += values.temperature[token];
    return length ? sum / length / data.steps : 0;
  });
  const groups = data.problems.map(() => []);
  data.problem.forEach((problem, row) => groups[problem].push(row));
  show({ data, place, values, first, heat, groups });
}

function show({ data, place, values, first, heat, groups }) {
  const controls = byId("controls"), main = byId("groups"), tip = byId("tip");
  const chosen = () => Object.fromEntries(new FormData(controls));

  // ---- colours ----
  const rules = [];
  for (let level = 0; level < LEVELS; level++) {
    const share = Math.round(78 * level / (LEVELS - 1)), sides = 2 * level / (LEVELS - 1) - 1;
    const tone = (name, amount) => `background-color: color-mix(in srgb, var(--${name}) ${amount}%, transparent)`;
    rules.push(`[data-colour=entropy] .l${level} { ${tone("hot", share)} }`);
    rules.push(`[data-colour=surprise] .l${level} { ${tone("surprise", share)} }`);
    rules.push(`[data-colour=temperature] .l${level} { ${tone(sides < 0 ? "cool" : "hot", Math.round((sides < 0 ? 40 : 78) * Math.abs(sides)))} }`);
    byId("ramp").append(make("i", `l${level}`));
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  document.adoptedStyleSheets = [sheet];
  const levelOf = (colour, token) => {
    const [low, high] = data.ranges[colour];
    if (high <= low) return colour === "temperature" ? LEVELS >> 1 : 0;
    return Math.max(0, Math.min(LEVELS - 1, Math.floor((values[colour][token] / data.steps - low) / (high - low) * LEVELS)));
  };
  const paintScale = () => {
    const { colour } = chosen(), [low, high] = data.ranges[colour];
    document.body.dataset.colour = colour;
    byId("low").textContent = colour === "temperature" ? `T ${short(low)}` : "0";
    byId("high").textContent = colour === "entropy" ? `${short(high)} nats` : colour === "surprise" ? `−${short(high)}` : short(high);
  };

  // ---- filters ----
  const short = number => String(+number.toFixed(3));
  const signed = number => `${number < 0 ? "−" : number > 0 ? "+" : ""}${short(Math.abs(number))}`;
  const option = (value, text) => { const made = make("option", "", text); made.value = value; return made; };
  const distinct = list => [...new Set(list)];
  const fill = (name, options) => controls.elements[name].append(option("", "all"), ...options);
  fill("verdict", distinct(data.verdict).sort().filter(Boolean).map(name => option(name, name)));
  const fillRanges = (name, values) => {
    const exact = distinct(values.map(short)).sort((a, b) => a - b);
    if (exact.length <= 16) return fill(name, exact.map(value => option(`${value} ${value}`, value)));
    const sorted = [...values].sort((a, b) => a - b), at = part => short(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]);
    const edges = distinct([0, .2, .4, .6, .8, 1].map(at));
    fill(name, edges.slice(1).map((high, index) => option(`${edges[index]} ${high}`, `${edges[index]} to ${high}`)));
  };
  fillRanges("reward", data.reward.filter(reward => reward !== null));
  fillRanges("temperature", heat);
  const within = (range, value) => {
    const [low, high] = range.split(" ").map(Number);
    return !range || (value !== null && +short(value) >= low && +short(value) <= high);
  };
  const matching = () => {
    const { verdict, reward, temperature, prompt } = chosen();
    const needle = prompt.trim().toLowerCase();
    return groups.map((rows, problem) => {
      if (needle && !data.problems[problem].slice(0, 2).some(text => text.toLowerCase().includes(needle))) return [];
      return rows.filter(row => (!verdict || data.verdict[row] === verdict)
        && within(reward, data.reward[row]) && within(temperature, heat[row]));
    });
  };

  // ---- one response, one group ----
  const write = (body, row, from, to) => {
    const { colour } = chosen(), part = document.createDocumentFragment();
    for (let token = first[row] + from; token < first[row] + to; token++) {
      const [, text, special] = data.vocabulary[place[token]];
      part.append(make("span", `l${levelOf(colour, token)}${special ? " special" : ""}`, text.replace(/\n/g, "↵\n")));
    }
    if (to < data.length[row]) {
      const more = make("button", "", `+ ${(data.length[row] - to).toLocaleString()} tokens`);
      more.type = "button";
      more.onclick = () => { more.remove(); write(body, row, to, data.length[row]); };
      part.append(more);
    }
    body.append(part);
  };
  const responseOf = row => {
    const verdict = data.verdict[row], reward = data.reward[row];
    const card = make("article", `response ${verdict === "correct" ? "right" : "wrong"}`), facts = make("p", "facts");
    facts.append(make("b", "", verdict || "not judged"));
    if (reward !== null) facts.append(make("span", "", `reward ${short(reward)}`));
    if (data.parts[row].length > 1) facts.append(...data.parts[row].map(([name, value]) => make("span", "part", `${name} ${short(value)}`)));
    if (!data.plain) facts.append(make("span", "", `T ${short(heat[row])}`));
    facts.append(make("span", "", `${data.plain ? data.tokens[row] : data.length[row]} tok${data.cut[row] ? ", cut" : ""}`), make("span", "", `#${data.sample[row]}`));
    if (data.advantage[row] !== null) facts.append(make("span", "", `advantage ${signed(data.advantage[row])}`));
    if (data.answer[row] && verdict !== "correct") facts.append(make("span", "", `answered ${data.answer[row].slice(0, 60)}`));
    if (data.detail[row]) facts.title = data.detail[row];
    const body = make("p", "tokens");
    body.dataset.first = first[row];
    write(body, row, 0, Math.min(AT_ONCE, data.length[row]));
    card.append(facts, body);
    return card;
  };
  const linkTo = (number, id) => {
    const [name, page] = data.siblings[number], link = make("a", "sibling", name);
    link.href = `${page}${id === undefined ? "" : `#${encodeURIComponent(id)}`}`;
    return link;
  };
  const siblings = links => {
    if (links.length <= SIBLINGS_SHOWN) return links.flatMap(link => [" ", link]);
    const details = make("details", "others");
    details.append(make("summary", "", `${links.length} other pages`), ...links.flatMap(link => [" ", link]));
    return [details];
  };
  const accuracy = rows => rows.filter(row => data.verdict[row] === "correct").length / rows.length;
  const fillGroup = section => {
    const [id, prompt, gold] = data.problems[section.problem];
    const right = section.rows.filter(row => data.verdict[row] === "correct").length;
    const responses = make("div", "responses");
    responses.append(...section.rows.map(responseOf));
    const about = make("div", "about", `${id} · ${right} of ${section.rows.length} correct${gold === null ? "" : ` · right answer: ${gold}`}`);
    const others = siblings(data.siblings.map(([name], number) =>
      data.also[section.problem].includes(number) ? linkTo(number, id) : make("span", "sibling lacks", `not drawn in ${name}`)));
    about.append(...others);
    section.replaceChildren(make("h2", "", prompt), about, responses);
    section.style.minHeight = "";
    section.filled = true;
  };
  const emptyGroup = section => {
    section.style.minHeight = `${section.offsetHeight}px`;
    section.replaceChildren();
    section.filled = false;
  };

  // ---- only groups near the window hold elements ----
  const observer = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries)
      if (isIntersecting && !target.filled) fillGroup(target);
      else if (!isIntersecting && target.filled) emptyGroup(target);
  }, { rootMargin: "900px 0px" });
  const list = () => {
    observer.disconnect();
    const columns = Math.max(1, Math.floor((main.clientWidth - 30) / 290)), sections = [];
    let rows = 0, right = 0;
    const order = chosen().order, sign = order === "rising" ? 1 : -1;
    const entries = [...matching().entries()].filter(([, found]) => found.length);
    if (order) entries.sort(([, a], [, b]) => sign * (accuracy(a) - accuracy(b)));
    for (const [problem, found] of entries) {
      const section = make("section", "group");
      const lines = Math.min(18, Math.ceil(Math.max(...found.map(row => data.length[row])) / 22));
      Object.assign(section, { problem, rows: found, filled: false });
      section.style.minHeight = `${90 + Math.ceil(found.length / columns) * (50 + 28 * lines)}px`;
      sections.push(section);
      rows += found.length;
      right += found.filter(row => data.verdict[row] === "correct").length;
    }
    main.replaceChildren(...(sections.length ? sections : [make("p", "empty", "No response passes these filters.")]));
    for (const section of sections) observer.observe(section);
    const all = data.length.length, said = number => number.toLocaleString("en");
    byId("count").textContent = `${rows === all ? said(all) : `${said(rows)} of ${said(all)}`} responses to ${said(sections.length)} prompts, `
      + `${rows ? (100 * right / rows).toFixed(1) : 0} % correct`;
  };
  const goTo = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const section = id && [...main.children].find(section => data.problems[section.problem]?.[0] === id);
    const drawn = data.problems.some(([problem]) => problem === id);
    byId("lost").textContent = !id || section ? "" : `${id} ${drawn ? "does not pass these filters." : "is not on this page, which has other problems."}`;
    if (!section) return;
    const header = document.querySelector("header"), covers = getComputedStyle(header).position === "sticky";
    document.documentElement.style.setProperty("--head", `${covers ? header.offsetHeight : 0}px`);
    section.scrollIntoView();
    setTimeout(() => section.scrollIntoView(), 250); // the groups above it have taken their real heights by then
  };
  addEventListener("hashchange", goTo);
  controls.addEventListener("input", event => {
    paintScale();
    if (event.target.name !== "colour") { scrollTo(0, 0); list(); }
    else for (const section of main.children) if (section.filled) fillGroup(section);
  });
  controls.addEventListener("submit", event => event.preventDefault());

  // ---- the numbers of the token under the pointer ----
  const tell = event => {
    const span = event.target.closest?.(".tokens span");
    tip.hidden = !span;
    if (!span) return;
    const body = span.parentNode, position = [...body.children].indexOf(span), token = +body.dataset.first + position;
    const of = name => values[name][token] / data.steps, [id, text] = data.vocabulary[place[token]];
    const list = make("dl");
    const lines = { token: JSON.stringify(text), id, position, entropy: `${of("entropy").toFixed(3)} nats`, temperature: short(of("temperature")),
      "log-prob": `${of("surprise") ? "−" : ""}${of("surprise").toFixed(3)}`, probability: `${(100 * Math.exp(-of("surprise"))).toFixed(1)} %` };
    for (const [name, value] of Object.entries(lines)) list.append(make("dt", "", name), make("dd", "", value));
    tip.replaceChildren(list);
    const box = span.getClientRects()[0], size = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(6, Math.min(innerWidth - size.width - 6, box.left))}px`;
    tip.style.top = `${box.bottom + 8 + size.height > innerHeight ? box.top - size.height - 6 : box.bottom + 6}px`;
  };
  addEventListener("pointerover", tell);
  addEventListener("click", tell);
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  byId("siblings").append(...siblings(data.siblings.map((_, number) => {
    const link = linkTo(number);
    link.onclick = () => { // to the prompt that is read here; the other page says so if it has other problems
      const above = Math.max(120, controls.getBoundingClientRect().bottom + 20);
      const top = [...main.children].find(section => section.rows && section.getBoundingClientRect().bottom > above);
      if (scrollY && top) link.href = linkTo(number, data.problems[top.problem][0]).href;
    };
    return link;
  })));
  paintScale();
  list();
  goTo();
}

start();
