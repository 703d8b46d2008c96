"""One file per kind of figure: each turns values into a `Figure` of plain plotly.js data, drawn by the browser."""
