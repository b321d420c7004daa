"""How much: positions and a market in, requirement out. Arrays only; knows no event or database."""
