import time
from clearing import models
from clearing.services import timekeeping, trades, verification, replays, sealing
from tests.builders import *
def test_big(house):
    a_house()
    t=time.time(); n=0
    for b in range(20):
        trades.novate_all([a_trade(trade_id=f"b{b}-{i}", quantity="0.001", price=str(80000+i)) for i in range(1000)], at=timekeeping.now(), cause=CAUSE)
    print("\nbooked", time.time()-t, models.Event.objects.count(), models.Entry.objects.count())
    for _ in range(6): sealing.seal()
    old = replays._put_in_place
    def put(table, progress):
        m = replays.differences(table)
        if any(m): print("DIFF", table, m, replays.examples(table, most=3))
        return old(table, progress)
    replays._put_in_place = put
    last={}
    def say(c, n, f):
        if f is not None:
            now=time.time(); print(f"{c:20} {n:8} {now-last['t']:.2f}"); last['t']=now
    last['t']=t=time.time(); assert verification.verify(progress=say)==[]; print("verify", time.time()-t)
    last['t']=t=time.time(); r=replays.rebuild(progress=say); print("rebuild", time.time()-t, sum(r.values()))
    models.Entry.objects.all().delete(); models.Holding.objects.all().delete()
    t=time.time(); r=replays.rebuild(); print("rebuild all", time.time()-t, sum(r.values()))
    assert verification.verify()==[]
