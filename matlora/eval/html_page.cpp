// What report.html looks like, and the few things that it does.
#include "matlora/eval/html_parts.h"

namespace matlora::eval {

const char* page_style() {
  return R"(
  :root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --soft: #59636e;
    --line: #d8dee4; --wash: #f6f8fa; --accent: #0969da; --good: #1a7f37; --bad: #b42318; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1; --line: #30363d; --wash: #151b23;
      --accent: #58a6ff; --good: #3fb950; --bad: #ff8078; }
  }
  * { box-sizing: border-box; }
  body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 4rem; background: var(--paper);
    color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif;
    -webkit-text-size-adjust: 100%; }
  h1 { margin: 0; font-size: 1.7rem; line-height: 1.25; overflow-wrap: anywhere; }
  h2 { margin: 3rem 0 0.75rem; font-size: 1.2rem; }
  h3 { margin: 1.25rem 0 0.4rem; font-size: 0.95rem; }
  p { margin: 0.5rem 0; max-width: 46rem; overflow-wrap: anywhere; }
  .kicker, .note, figcaption { color: var(--soft); font-size: 0.875rem; }
  .kicker { margin: 0 0 0.25rem; }
  .lead { font-size: 1.15rem; }
  .lead b { color: var(--accent); }
  code, pre { font: 0.85em/1.5 ui-monospace, "SF Mono", Consolas, monospace; }
  .box { overflow-x: auto; margin: 0.75rem 0; border: 1px solid var(--line); border-radius: 8px; }
  table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 0.875rem;
    font-variant-numeric: tabular-nums; }
  th, td { padding: 0.4rem 0.75rem; text-align: left; white-space: nowrap;
    border-top: 1px solid var(--line); vertical-align: top; }
  thead th { border-top: 0; background: var(--wash); color: var(--soft); font-weight: 600;
    vertical-align: bottom; }
  tbody th { font-weight: 600; }
  thead + tbody tr:first-child > *, thead tr + tr th { border-top: 1px solid var(--line); }
  .number { text-align: right; }
  .name { max-width: 20rem; white-space: normal; overflow-wrap: anywhere; }
  .best { font-weight: 700; }
  tr.chosen > * { background: color-mix(in srgb, var(--accent) 12%, var(--paper)); }
  th button { all: unset; cursor: pointer; }
  th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  th button::after { content: " \2195"; opacity: 0.4; }
  th[aria-sort=ascending] button::after { content: " \2191"; opacity: 1; }
  th[aria-sort=descending] button::after { content: " \2193"; opacity: 1; }
  .scales label { margin: 0 1rem 0 0.25rem; }
  #scale-log:checked ~ .linear, #scale-linear:checked ~ .log { display: none; }
  .legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0.75rem 0; padding: 0;
    list-style: none; font-size: 0.875rem; overflow-wrap: anywhere; }
  figure { margin: 0.75rem 0; }
  .panels { display: grid; gap: 1rem;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 23rem), 1fr)); }
  .panels svg { width: 100%; max-width: 36rem; height: auto; }
  details { border: 1px solid var(--line); border-radius: 8px; margin: 0.5rem 0;
    padding: 0.5rem 0.75rem; }
  summary { cursor: pointer; overflow-wrap: anywhere; }
  details[open] > summary { margin-bottom: 0.5rem; }
  select { font: inherit; max-width: 100%; padding: 0.2rem; }
  pre { margin: 0.25rem 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
  .answers { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(15rem, 1fr);
    overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
  .answers > div { padding: 0.5rem 0.75rem; border-left: 1px solid var(--line); }
  .answers > div:first-child { border-left: 0; }
  .answers h4 { margin: 0; font-size: 0.875rem; }
  .choices td:first-child { white-space: pre-wrap; min-width: 14rem; overflow-wrap: anywhere;
    unicode-bidi: isolate; }
  .right { color: var(--good); } .wrong { color: var(--bad); }
  .cite { display: block; padding: 0.75rem; border: 1px solid var(--line); border-radius: 8px;
    background: var(--wash); user-select: all; overflow-wrap: anywhere; }
  .copy { font: inherit; font-size: 0.875rem; margin-top: 0.5rem; }
  [hidden] { display: none; }
  @media (max-width: 40rem) {
    body { padding: 1.25rem 1rem 3rem; }
    h1 { font-size: 1.4rem; }
    th, td { padding: 0.35rem 0.55rem; }
    .name { min-width: 8rem; }
  }
  @media print { .scales, .copy, .picker { display: none; } .box, .answers { overflow: visible; } }
)";
}

// What sorts: a button in every head cell, which the style makes look like the text it was. A
// missing number comes last either way.
const char* page_script() {
  return R"(
  'use strict';
  function key(row, column) {
    const cell = row.cells[column];
    return 'v' in cell.dataset ? Number(cell.dataset.v) : cell.textContent;
  }
  function compare(a, b) {
    if (typeof a === 'number' ? typeof b === 'number' : typeof b === 'string') {
      return typeof a === 'number' ? a - b : a.localeCompare(b);
    }
    return 0;
  }
  function sort(table, head, column) {
    const sign = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', sign === 1 ? 'ascending' : 'descending');
    const body = table.tBodies[0];
    const known = [], unknown = [];
    for (const row of body.rows) {
      (row.cells[column].hasAttribute('data-none') ? unknown : known).push(row);
    }
    known.sort((a, b) => sign * compare(key(a, column), key(b, column)));
    body.append(...known, ...unknown);
  }
  for (const table of document.querySelectorAll('table.sortable')) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      button.addEventListener('click', () => sort(table, head, column));
      head.append(button);
    });
  }
  const picker = document.querySelector('.picker');
  if (picker) {
    const items = [...document.querySelectorAll('details.item')];
    const select = picker.querySelector('select');
    const show = () => items.forEach((item, i) => {
      item.hidden = i !== select.selectedIndex;
      item.open = true;
    });
    for (const item of items) select.add(new Option(item.querySelector('summary').textContent));
    select.addEventListener('change', show);
    picker.hidden = false;
    show();
  }
  const copy = document.querySelector('.copy');
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener('click', () => {
      navigator.clipboard.writeText(document.querySelector('.cite').textContent)
        .then(() => { copy.textContent = 'Copied'; });
    });
  }
)";
}

}  // namespace matlora::eval
