"""The look of every page: light and dark, wide and narrow, on screen and on paper.

Blue, vermilion and their brighter relatives are of the palette of Okabe and Ito, which people with any kind of colour
vision can tell apart; series differ in dash and shape besides.
"""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --panel: #f6f7f9; --ink: #1b1f24; --quiet: #57606a;
  --line: #d5dae0; --real: #0072b2; --simulated: #d55e00; --floor: #6e7781; --other: #8250a0;
  --good: #1a7f4b; --bad: #b42318; --unsure: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --paper: #101418; --panel: #191f25; --ink: #e6e9ec; --quiet: #a3adb7;
  --line: #343c45; --real: #56b4e9; --simulated: #ff9d4d; --floor: #98a2ad; --other: #cc99e0;
  --good: #56d391; --bad: #ff8f80; --unsure: #e6b450; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, footer { max-width: 66rem; margin: 0 auto; padding: 1rem 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3, figcaption { font-size: .9rem; font-weight: 600; margin: 0 0 .4rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; max-width: 46rem; }
.quiet, footer { color: var(--quiet); font-size: .9rem; }
.verdict { display: inline-block; padding: .1rem .75rem; border: 2px solid; border-radius: 1rem; font-weight: 700; }
.good { color: var(--good); } .bad { color: var(--bad); } .unsure { color: var(--unsure); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; margin: 1rem 0;
  padding: 0; list-style: none; }
.figures li { background: var(--panel); border-radius: .5rem; padding: .6rem .9rem; }
.figures b { display: block; font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.figures span { color: var(--quiet); font-size: .85rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
.wide { grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); }
figure { margin: 0; background: var(--panel); border-radius: .5rem; padding: .75rem; min-width: 0; }
figure p { font-size: .85rem; color: var(--quiet); margin: .3rem 0 0; }
.chart { display: block; width: 100%; height: auto; overflow: visible; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody th { font-weight: inherit; }
th:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 10rem; }
thead th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
tr.ours { font-weight: 700; }
details { margin: .5rem 0; } summary { cursor: pointer; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: .5rem 0;
  font-size: .9rem; }
.legend svg { width: 28px; height: 12px; margin-right: .4rem; }
text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--quiet); }
text.name { fill: var(--ink); }
.axis line { stroke: var(--line); stroke-width: 1; }
.band { fill: var(--good); opacity: .14; }
.real { --series: var(--real); } .simulated { --series: var(--simulated); }
.floor { --series: var(--floor); } .other { --series: var(--other); }
.line { fill: none; stroke: var(--series); stroke-width: 2.2; stroke-linejoin: round; }
.simulated .line { stroke-dasharray: 7 4; } .floor .line { stroke-dasharray: 1.5 3.5; stroke-width: 2; }
.whisker { stroke: var(--series); stroke-width: 2; opacity: .65; }
.point, .bar { fill: var(--series); } .floor .point { fill: var(--paper); stroke: var(--series); stroke-width: 2; }
.mini { display: block; width: 9rem; height: 1.5rem; }
input, button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line);
  border-radius: .4rem; padding: .3rem .6rem; }
[hidden] { display: none; }
@media print { figure, .figures li { background: none; border: 1px solid var(--line); break-inside: avoid; } }
"""
