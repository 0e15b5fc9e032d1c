
  'use strict';
  // Tables that sort: a button in every head cell, which the style makes look like the text it was.
  // A missing number comes last either way.
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

  // How near to the best is near enough: every answer is on the page, one of them is shown.
  const within = document.querySelector('.within');
  if (within) {
    const choices = [...document.querySelectorAll('.choice')];
    const slider = within.querySelector('input');
    slider.addEventListener('input', () => {
      choices.forEach((one, i) => { one.hidden = i !== Number(slider.value); });
      within.querySelector('output').textContent = choices[slider.value].dataset.within;
      for (const row of document.querySelectorAll('[data-chosen]')) {
        row.classList.toggle('chosen', row.dataset.chosen.split(' ').includes(slider.value));
      }
    });
    within.hidden = false;
  }

  // One document at a time.
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
