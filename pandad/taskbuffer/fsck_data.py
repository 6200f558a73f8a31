"""Invariants of outputs on their way, of the datasets that jobs write into, and of the calls that are owed for them."""

from __future__ import annotations

from pandad.spec.jobstatus import FINAL
from pandad.taskbuffer.datasets import OPEN
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.shipments import MOVES, SEND
from pandad.taskbuffer.statement import listed
from pandad.taskbuffer.subdatasets import PREPARE

E, W = Severity.ERROR, Severity.WARNING

DATA = (
    invariant(
        "shipment-awaited", "something is on its way for every job that waits for transfers", E, f"""
        SELECT pandaid, 'it waits for transfers, and nothing is on its way' FROM job j
        WHERE j.jobstatus = '{MOVES}' AND NOT EXISTS (SELECT FROM shipment_file m WHERE m.pandaid = j.pandaid)""",
        "it stays there until its limit: look whether its outputs are at their destination, kill it and submit it again"),
    invariant(
        "shipment-file", "what is on its way are files of the jobs that wait for it", E, f"""
        SELECT m.pandaid, concat('file ', m.row_id, ' is on its way to ', s.endpoint, ', and is ', coalesce(
                                 (SELECT f.status FROM file f WHERE f.row_id = m.row_id AND f.pandaid = m.pandaid), 'not its'))
        FROM shipment_file m JOIN shipment s ON s.id = m.shipment JOIN job j ON j.pandaid = m.pandaid
        WHERE j.jobstatus = '{MOVES}' AND NOT EXISTS (
            SELECT FROM file f WHERE f.row_id = m.row_id AND f.pandaid = m.pandaid AND f.status = '{MOVES}')""",
        "look for what wrote it; compare with what lies at the endpoint"),
    invariant(
        "shipment-asked", "outputs that are to be moved have a rule, or one is asked for", E, f"""
        SELECT concat(scope, ':', name), concat('nobody makes a rule that brings it to ', endpoint) FROM shipment s
        WHERE rule IS NULL AND NOT EXISTS (
            SELECT FROM errand e WHERE e.kind = '{SEND}' AND e.key = concat(s.scope, ':', s.name))""",
        "its jobs stay where they are until their limit: kill them and submit them again"),
    invariant(
        "sub-dataset-asked", "a _sub dataset that jobs wait for is there, or it is asked for", E, f"""
        SELECT concat(d.scope, ':', s.name), concat('nobody makes it, and outputs are to go to ', s.endpoint, ' in it')
        FROM sub_dataset s JOIN dataset d ON d.id = s.dataset WHERE NOT s.made AND NOT EXISTS (
            SELECT FROM errand e WHERE e.kind = '{PREPARE}' AND e.key = concat(d.scope, ':', s.name))""",
        "DELETE it FROM sub_dataset: the next look at its jobs asks for another one"),
    invariant(
        "sub-dataset-free", "a _sub dataset that waits for outputs is not on its way already", E, """
        SELECT concat(s.scope, ':', s.name), concat('it is on its way to ', s.endpoint, ', and waits for more')
        FROM sub_dataset a JOIN shipment s ON s.id = a.shipment""",
        "DELETE it FROM sub_dataset: the next look at its jobs asks for another one"),
    invariant(
        "dataset-open", "a dataset that a live job writes into is not to be closed", W, f"""
        SELECT concat(d.scope, ':', d.name), concat('it is ', d.state, ', and job ', min(j.pandaid), ' is ', min(j.jobstatus))
        FROM dataset d JOIN dataset_job m ON m.dataset = d.id JOIN job j ON j.pandaid = m.pandaid
        WHERE d.state <> '{OPEN}' AND j.jobstatus NOT IN ({listed(FINAL)}) GROUP BY d.id""",
        "nothing to do: the next look at it opens it again, if it was not closed before"),
    invariant(
        "errand-made", "a call that is owed to the data management system is made soon after it is due", W, """
        SELECT concat(kind, ' ', key), concat('it is due since ', due, ' after ', tries, ' tries') FROM errand e
        WHERE due < now() - interval '1 hour' AND NOT EXISTS (
            SELECT FROM errand b WHERE b.subject = e.subject AND b.step < e.step)""",
        "see with `pandad loop` whether the loop outbox runs, and whether [dataservice] names the backend that it is for"),
)
