-- Jobs alike in all that decides who may take them stand in one line. A pilot is matched with lines, which are few, and then takes
-- the first job of one: so neither a million waiting jobs nor jobs that fit nobody cost a claim anything.

CREATE TABLE line (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest          uuid NOT NULL,  -- md5 of the other columns, see taskbuffer/lines.py; '' and 0 stand for NULL in all of them
    prodsourcelabel text NOT NULL,
    job_label       text NOT NULL,
    processingtype  text NOT NULL,
    resource_type   text NOT NULL,
    minramcount     bigint NOT NULL,  -- MB
    maxdiskcount    bigint NOT NULL,  -- MB
    maxwalltime     bigint NOT NULL,  -- s
    corecount       bigint NOT NULL,
    jeditaskid      bigint NOT NULL,
    workinggroup    text NOT NULL,
    countrygroup    text NOT NULL,
    owneranchor     text NOT NULL,
    ownersubject    text NOT NULL,
    produsername    text NOT NULL,
    CONSTRAINT line_once UNIQUE (digest)
);

ALTER TABLE job ADD COLUMN line bigint REFERENCES line;
ALTER TABLE job ADD COLUMN avoided text[] NOT NULL DEFAULT '{}';  -- queues that the brokerage must not choose, after failures there

INSERT INTO line (digest, prodsourcelabel, job_label, processingtype, resource_type, minramcount, maxdiskcount, maxwalltime, corecount,
                  jeditaskid, workinggroup, countrygroup, owneranchor, ownersubject, produsername)
SELECT DISTINCT
    md5(jsonb_build_array(coalesce(prodsourcelabel, ''), coalesce(job_label, ''), coalesce(processingtype, ''),
        coalesce(resource_type, ''), minramcount, maxdiskcount, coalesce(maxwalltime, 0), coalesce(corecount, 1),
        coalesce(jeditaskid, 0), coalesce(workinggroup, ''), coalesce(countrygroup, ''), owneranchor, ownersubject,
        coalesce(produsername, ''))::text)::uuid,
    coalesce(prodsourcelabel, ''), coalesce(job_label, ''), coalesce(processingtype, ''), coalesce(resource_type, ''), minramcount,
    maxdiskcount, coalesce(maxwalltime, 0), coalesce(corecount, 1), coalesce(jeditaskid, 0), coalesce(workinggroup, ''),
    coalesce(countrygroup, ''), owneranchor, ownersubject, coalesce(produsername, '')
FROM job;

UPDATE job j SET line = l.id FROM line l
WHERE l.digest = md5(jsonb_build_array(coalesce(j.prodsourcelabel, ''), coalesce(j.job_label, ''), coalesce(j.processingtype, ''),
        coalesce(j.resource_type, ''), j.minramcount, j.maxdiskcount, coalesce(j.maxwalltime, 0), coalesce(j.corecount, 1),
        coalesce(j.jeditaskid, 0), coalesce(j.workinggroup, ''), coalesce(j.countrygroup, ''), j.owneranchor, j.ownersubject,
        coalesce(j.produsername, ''))::text)::uuid;

ALTER TABLE job ALTER COLUMN line SET NOT NULL;

DROP INDEX job_owner;  -- nobody reads by owner, and each change of a state paid for it
DROP INDEX job_activated;
CREATE INDEX job_activated ON job (computingsite, line, currentpriority DESC, pandaid) WHERE jobstatus = 'activated';
-- Who uses how much now: counted for the shares, from the index alone.
CREATE INDEX job_usage ON job (line, corecount) WHERE jobstatus IN ('sent', 'starting', 'running');
CREATE INDEX job_ageing ON job (nextcheck) WHERE jobstatus = 'activated';
CREATE INDEX line_owner ON line (ownersubject, owneranchor);
CREATE INDEX line_group ON line (workinggroup) WHERE workinggroup <> '';
-- Jobs that a cap holds back, in the order in which they come back.
CREATE INDEX job_throttled ON job (line, currentpriority DESC, pandaid) WHERE jobstatus = 'throttled';
