#!/usr/bin/env bash
# report.html in a browser, wide and narrow: no script fails, nothing is cut off, tables sort, one
# item at a time is shown, the rank axis and --within can be changed; and a page of three adapters
# and eight measures: it fits, its tables scroll below a first column that stays. Usage: html_browser_test.sh MATLORA_TESTS
set -euo pipefail
tests=${1:?"usage: $0 MATLORA_TESTS"}

browser=
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  browser=$(command -v "$name") && break
done
if [[ -z $browser ]]; then
  echo "skipped: no Chromium here" >&2
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
MATLORA_EXAMPLE_REPORT=$work "$tests" --gtest_filter=Html.ExampleForABrowser >/dev/null

cat >"$work/before.html" <<'HTML'
<script>
  const failures = [];
  const expect = (fine, what) => { if (!fine) failures.push(what); };
  addEventListener('error', event => failures.push(event.message));
  const all = query => [...document.querySelectorAll(query)];
  const shown = query => all(query).filter(one => one.getClientRects().length > 0);
  const root = document.documentElement;
</script>
HTML
cat >"$work/after.html" <<'HTML'
<script>
  expect(root.scrollWidth <= innerWidth, `the page is ${root.scrollWidth} wide`);
  expect(shown('.panels svg').length === 4, 'not four panels at first');
  document.getElementById('scale-linear').click();
  expect(shown('.linear svg').length === 4 && shown('.log svg').length === 0, 'linear scale');

  const head = all('th button').find(one => one.textContent === 'perplexity');
  const column = head.closest('th').cellIndex;
  const values = () => [...head.closest('table').tBodies[0].rows].map(
    row => Number(row.cells[column].textContent));
  const ascending = list => list.every((value, i) => i === 0 || list[i - 1] <= value);
  expect(!ascending(values()), 'sorted before the click');
  head.click();
  expect(ascending(values()) && values().length === 14, 'not sorted: ' + values());
  head.click();
  expect(ascending(values().reverse()), 'not sorted downwards: ' + values());
  const tokens = all('th button').find(one => one.textContent.startsWith('max. new'));
  for (const click of [1, 2]) {
    tokens.click();
    const rows = [...tokens.closest('table').tBodies[0].rows].map(row => row.cells[0].textContent);
    expect(rows.join() === 'gsm8k,arc_easy', 'what has no number is not last: ' + rows);
  }

  const select = document.querySelector('.picker select');
  expect(shown('.picker').length === 1 && select.options.length === 3, 'no choice of items');
  expect(shown('.item').length === 1, 'not one item');
  select.selectedIndex = 2;
  select.dispatchEvent(new Event('change'));
  expect(shown('.item').length === 1 && shown('.choices').length === 2, 'not the third item');
  expect(shown('pre')[0].textContent.startsWith('Question: Which of these'), 'not its prompt');
  parent.postMessage(failures.length === 0 ? 'all is well' : 'FAILED ' + failures.join('; '), '*');
</script>
HTML
cat >"$work/after_wide.html" <<'HTML'
<script>
  expect(root.scrollWidth <= innerWidth, `the page is ${root.scrollWidth} wide`);
  for (const box of document.querySelectorAll('.box')) {
    if (box.getClientRects().length === 0 || !box.querySelector('tr')) continue;
    const first = box.querySelector('tbody tr').cells[0];
    const left = first.getBoundingClientRect().left;
    box.scrollLeft = 1000;
    const moved = left - first.getBoundingClientRect().left;
    expect(moved < 2, 'the first column scrolls away: ' + first.textContent);
    expect(first.getBoundingClientRect().width < box.clientWidth * 0.65,
           `the first column leaves too little: ${first.textContent}`);
  }
  expect(shown('.choice').length === 1 && shown('.within').length === 1, 'no slider');
  const slider = document.querySelector('.within input');
  const chosen = () => all('tr.chosen').map(row => row.cells[0].dataset.v).join();
  const before = chosen();
  slider.value = slider.max;
  slider.dispatchEvent(new Event('input'));
  expect(shown('.choice').length === 1 && shown('.choice')[0].dataset.within === '20%', 'stop');
  expect(document.querySelector('.within output').textContent === '20%', 'its text');
  expect(before !== chosen() && chosen() !== '', `marked: ${before}, then ${chosen()}`);
  expect(shown('.choice .lead')[0].textContent.includes('Take rank ' + chosen().split(',')[0]),
         'the sentence is not that of the marked rank');
  expect(shown('.choice > *').pop().classList.contains('commands'), 'no command at the end');

  const cells = shown('.matrix td');
  expect(cells.length === 24, cells.length + ' cells');
  for (const cell of cells) {
    expect(cell.scrollWidth <= cell.clientWidth + 1, 'cut off: ' + cell.textContent);
  }
  const more = document.querySelector('.clip');
  const lines = () => more.innerText.split('\n').filter(line => line.startsWith('Step')).length;
  document.querySelectorAll('details.item').forEach(one => { one.hidden = false; });
  expect(lines() > 0 && lines() < 11, 'not clipped: ' + lines());
  more.querySelector('summary').click();
  expect(lines() === 11, 'more shows ' + lines());
  parent.postMessage(failures.length === 0 ? 'all is well' : 'FAILED ' + failures.join('; '), '*');
</script>
HTML
probe() {  # PAGE SCRIPT OUTPUT
  sed -e "/<head>/r $work/before.html" -e "/<\/script>/r $work/$2" "$work/$1" >"$work/$3"
}
probe report.html after.html probe.html
probe wide/report.html after_wide.html probe_wide.html

failed=0
for page in probe probe_wide; do
  for width in 1200 390; do
    cat >"$work/frame.html" <<HTML
<!DOCTYPE html><body>nothing heard
<script>addEventListener('message', event => { document.body.textContent = event.data; });</script>
<iframe src="$page.html" width="$width" height="800"></iframe>
HTML
    heard=$("$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
      --user-data-dir="$work/profile" --window-size=1400,900 --virtual-time-budget=10000 --dump-dom \
      "file://$work/frame.html" 2>"$work/errors.txt") || true
    if [[ $heard != *"all is well"* ]]; then
      echo "$page at $width pixels: $heard" >&2
      grep -v dbus "$work/errors.txt" | tail -n 5 >&2 || true
      failed=1
    fi
  done
done
exit $failed
