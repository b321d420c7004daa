"""Real input: exchange files become instruments, sealed price sets and booked trades.

    tables      plain or gzip, one line one row; layouts known by their header; refused rows
    deribit     contract terms by name
    layouts     the three chain layouts, each row in one shape
    candles     perpetuals, one candle a snapshot
    snapshots   rows of one moment -> medians, terms, one price set
    chains      files -> snapshots in time order
    tapes       trade files -> trades in time order
    sealing     one snapshot into the record (Django from here on)
    booking     a tape into the record

Everything above `sealing` is plain Python and reads no clock.
"""
