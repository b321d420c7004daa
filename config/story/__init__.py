"""The demo: a cast from a data file, a market from a simulation or from files, told on real machinery.

The story reads nothing but the cast and the market: no account, moment or outcome is named in code.
Everything it does is keyed, so a story that is killed and started again ends in the same book.
"""
