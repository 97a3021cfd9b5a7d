/**
 * The style of all pages. Written for element names, so that a page needs few classes: `quiet` for a button or link that
 * is not the main one, `actions` around buttons side by side, `note` for what is said aside, `problem` for what went wrong.
 * A `dl` of `div`s is a table of facts.
 */

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f3ef; --paper: #fffefb; --ink: #1d2326; --soft: #5a6468; --line: #dcdad2;
  --accent: #14595b; --on-accent: #ffffff; --accent-hover: #0d4446; --wash: #edf3f1; --alarm: #9b2c1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181a; --paper: #1c2224; --ink: #e6e9e8; --soft: #a2adaf; --line: #343d40;
    --accent: #7fc4bf; --on-accent: #0d2021; --accent-hover: #9ad6d1; --wash: #212c2d; --alarm: #f0a396;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100svh; padding: clamp(1.25rem, 9vh, 6rem) 1rem 2rem;
  display: flex; flex-direction: column; align-items: center;
  background: var(--ground); color: var(--ink);
  font: 1rem/1.55 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
}
header {
  width: 100%; max-width: 28rem; margin-bottom: 1rem;
  display: flex; align-items: center; gap: .6rem; font-weight: 650;
}
header svg { width: 1.75rem; height: 1.75rem; color: var(--accent); flex: none; }
main {
  width: 100%; max-width: 28rem; padding: clamp(1.25rem, 6vw, 2rem);
  background: var(--paper); border: 1px solid var(--line); border-radius: .75rem;
  overflow-wrap: anywhere;
}
h1 { margin: 0 0 .75rem; font-size: 1.45rem; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1rem; font-weight: 650; }
p { margin: 0 0 1rem; }
main > :last-child, form > :last-child, details > :last-child { margin-bottom: 0; }
a { color: var(--accent); text-underline-offset: .15em; }
ul { margin: 0 0 1rem; padding-left: 1.2rem; }
dl { margin: 0 0 1.25rem; padding: .25rem 1rem; background: var(--wash); border-radius: .5rem; }
dl div { padding: .6rem 0; border-bottom: 1px solid var(--line); }
dl div:last-child { border-bottom: 0; }
dt { color: var(--soft); font-size: .875rem; line-height: 1.4; }
dd { margin: 0; }
code { font: .9em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
label { display: block; margin-bottom: .3rem; font-weight: 600; }
input[type=text] {
  width: 100%; margin-bottom: 1rem; padding: .65rem .75rem;
  font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: .5rem;
}
button, .button {
  display: block; width: 100%; margin: 0 0 .75rem; padding: .7rem 1rem; cursor: pointer;
  font: inherit; font-weight: 600; line-height: 1.4; text-align: center; text-decoration: none;
  color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem;
}
button:hover, .button:hover { background: var(--accent-hover); border-color: var(--accent-hover); }
button.quiet, .button.quiet { color: var(--ink); background: transparent; border-color: var(--soft); }
button.quiet:hover, .button.quiet:hover { background: var(--wash); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; }
.actions > * { flex: 1 1 9rem; margin: 0; }
.note { color: var(--soft); font-size: .9rem; }
form + .note { margin-top: 1rem; }
.problem { color: var(--alarm); font-weight: 600; }
details { margin-top: 1.25rem; padding-top: 1rem; border-top: 1px solid var(--line); }
summary { cursor: pointer; color: var(--soft); }
details[open] summary { margin-bottom: 1rem; }
@media (forced-colors: active) { button, .button { border-color: ButtonText; } }
`;
