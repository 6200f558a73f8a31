"""The units under the real systemd: what etc/pandad.service and etc/pandad.socket promise."""

from __future__ import annotations

from .machine import Machine

QUICK_DOG = """mkdir -p /run/systemd/system/pandad.service.d
printf '[Service]\\nWatchdogSec=2\\n' > /run/systemd/system/pandad.service.d/quick.conf
systemctl daemon-reload && systemctl restart pandad"""
SLOW_DOG = "rm -r /run/systemd/system/pandad.service.d && systemctl daemon-reload"
UNTIL = "for n in $(seq 300); do {} && exit; sleep 0.1; done; systemctl status pandad --no-pager; false"
STARTED_AGAIN = ('test "$(systemctl show pandad --property=NRestarts --value)" -ge {} && '
                 "curl --silent --fail http://localhost:25080/readyz")
CALLS = """calls=0
while test ! -e /run/enough; do
    curl --silent --show-error --fail --output /dev/null http://localhost:25080/healthz || exit
    calls=$((calls+1))
done
test $calls -gt 5 && echo $calls calls"""


def restarts(machine: Machine) -> int:
    """How often systemd started it again by itself."""
    return int(machine.must("systemctl show pandad --property=NRestarts --value"))


def test_a_restart_refuses_nobody(host: Machine) -> None:
    """systemd listens: who comes meanwhile waits, and is served."""
    said = host.must(f"rm -f /run/enough; ( {CALLS} ) & systemctl restart pandad && "
                     "touch /run/enough; wait $!")
    assert said.endswith("calls\n")


def test_a_stop_is_quick_and_clean(host: Machine) -> None:
    """Within TimeoutStopSec=, without being killed; the next caller starts it again."""
    host.must("systemctl stop pandad 2>/dev/null; systemctl show pandad --property=Result | grep -x Result=success")
    host.must("curl --silent --fail http://localhost:25080/healthz")
    host.must(UNTIL.format("systemctl is-active --quiet pandad"))


def test_a_reload_ends_when_it_is_done(host: Machine) -> None:
    """In the same process, and the log says that it is done."""
    before = host.must("systemctl show pandad --property=MainPID")
    host.must("systemctl reload pandad")
    assert host.must("systemctl show pandad --property=MainPID") == before
    host.must(UNTIL.format("journalctl --unit pandad --output cat | grep --quiet reloaded"))


def test_it_comes_back(host: Machine) -> None:
    """After kill -9, and when it hangs: it gives no sign of life then."""
    before = restarts(host)
    host.must("systemctl kill --signal=KILL --kill-whom=main pandad")
    host.must(UNTIL.format(STARTED_AGAIN.format(before + 1)))
    host.must(QUICK_DOG)
    before = restarts(host)
    host.must("systemctl kill --signal=STOP --kill-whom=main pandad")
    host.must(UNTIL.format(STARTED_AGAIN.format(before + 1)))
    host.must("journalctl --unit pandad --output cat | grep --quiet -i watchdog")
    host.must(SLOW_DOG)
