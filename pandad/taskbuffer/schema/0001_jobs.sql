-- The task buffer. Column names are PanDA's attribute names as PostgreSQL folds them; what they mean stands in pandad/spec/job.py.
-- Whole numbers are bigint throughout: what clients send is checked against 64 bits at the edge, and never overflows here.

CREATE TYPE job_status AS ENUM (
    'pending', 'defined', 'waiting', 'assigned', 'throttled', 'activated', 'sent', 'starting', 'running',
    'holding', 'merging', 'transferring', 'finished', 'failed', 'cancelled', 'closed');

CREATE SEQUENCE job_pandaid AS bigint;
CREATE SEQUENCE job_jobsetid AS bigint;

-- Every live job, and (until history moves to partitions) every finished one. No index on modificationtime: heartbeats stay HOT.
CREATE TABLE job (
    pandaid                  bigint PRIMARY KEY,  -- the job id, from 1
    jobdefinitionid          bigint,  -- groups the jobs of one submission, a serial per user
    schedulerid              text,  -- what runs the pilot, e.g. harvester-<id>
    pilotid                  text,  -- the pilot, as it names itself: log URL|type|version
    creationtime             timestamptz NOT NULL DEFAULT now(),  -- when the job was submitted
    creationhost             text,  -- host it was submitted from
    modificationtime         timestamptz NOT NULL DEFAULT now(),  -- last change or heartbeat
    modificationhost         text,  -- host of the last change; the worker node once a pilot has it
    atlasrelease             text,  -- software release
    transformation           text,  -- the payload: a name or a URL
    homepackage              text,  -- software package or cache
    prodserieslabel          text,  -- production series
    prodsourcelabel          text,  -- activity: user, managed, test, panda (build), ...
    produserid               text,  -- DN or subject of the owner
    assignedpriority         bigint NOT NULL DEFAULT 0,  -- priority as submitted
    currentpriority          bigint NOT NULL DEFAULT 0,  -- priority that decides the order; higher goes first
    attemptnr                bigint NOT NULL DEFAULT 0,  -- dispatch attempt: a pilot must echo it (fencing)
    maxattempt               bigint NOT NULL DEFAULT 0,  -- attempts allowed
    jobstatus                job_status NOT NULL,  -- state, see jobstatus.py
    jobname                  text,  -- free name
    maxcpucount              bigint NOT NULL DEFAULT 0,  -- expected CPU time, s
    maxcpuunit               text,  -- unit of maxCpuCount
    maxdiskcount             bigint NOT NULL DEFAULT 0,  -- scratch space needed, MB
    maxdiskunit              text,  -- unit of maxDiskCount
    ipconnectivity           text,  -- network the payload needs
    minramcount              bigint NOT NULL DEFAULT 0,  -- memory needed, MB
    minramunit               text,  -- unit of minRamCount
    starttime                timestamptz,  -- payload began on the worker node
    endtime                  timestamptz,  -- payload ended on the worker node
    cpuconsumptiontime       bigint NOT NULL DEFAULT 0,  -- CPU time used, s
    cpuconsumptionunit       text,  -- s+<cpu model>
    commandtopilot           text,  -- told to the pilot at its next heartbeat
    transexitcode            text,  -- exit code of the payload
    piloterrorcode           bigint NOT NULL DEFAULT 0,  -- error code of the pilot, 0 = none
    piloterrordiag           text,  -- its text
    exeerrorcode             bigint NOT NULL DEFAULT 0,  -- error code of the payload, 0 = none
    exeerrordiag             text,  -- its text
    superrorcode             bigint NOT NULL DEFAULT 0,  -- error code of the supervisor, 0 = none
    superrordiag             text,  -- its text
    ddmerrorcode             bigint NOT NULL DEFAULT 0,  -- error code of the data service, 0 = none
    ddmerrordiag             text,  -- its text
    brokerageerrorcode       bigint NOT NULL DEFAULT 0,  -- error code of the brokerage, 0 = none
    brokerageerrordiag       text,  -- its text
    jobdispatchererrorcode   bigint NOT NULL DEFAULT 0,  -- error code of the job dispatcher, 0 = none
    jobdispatchererrordiag   text,  -- its text
    taskbuffererrorcode      bigint NOT NULL DEFAULT 0,  -- error code of the task buffer, 0 = none
    taskbuffererrordiag      text,  -- its text
    computingsite            text,  -- the queue
    computingelement         text,  -- batch entry point of the queue
    proddblock               text,  -- input dataset
    dispatchdblock           text,  -- dataset made to bring the input to the site
    destinationdblock        text,  -- output dataset
    destinationse            text,  -- storage endpoint for the output
    nevents                  bigint NOT NULL DEFAULT 0,  -- events processed
    grid                     text,  -- grid
    cloud                    text,  -- cloud
    cpuconversion            double precision,  -- CPU conversion factor
    sourcesite               text,  -- site of the input
    destinationsite          text,  -- site of the output
    transfertype             text,  -- how the payload reads its input: direct, fax, NULL
    taskid                   bigint,  -- task id of the old production database
    cmtconfig                text,  -- platform
    statechangetime          timestamptz NOT NULL DEFAULT now(),  -- when jobStatus last changed
    proddbupdatetime         timestamptz,  -- last update of the old production database
    lockedby                 text,  -- "jedi" when made by a task
    relocationflag           bigint NOT NULL DEFAULT 0,  -- 1: the owner pinned the queue; 2: may not be reassigned; 3: throttled
    jobexecutionid           bigint NOT NULL DEFAULT 0,  -- execution id of the old production database
    vo                       text,  -- virtual organisation
    pilottiming              text,  -- getjob|stagein|payload|stageout|initsetup|setup, s
    workinggroup             text,  -- group
    processingtype           text,  -- kind of work
    produsername             text,  -- compact user name, a label only
    ninputfiles              bigint,  -- input files the pilot processed
    countrygroup             text,  -- country of the owner
    batchid                  text,  -- id in the batch system
    parentid                 bigint,  -- PandaID of the job this one retries
    specialhandling          text,  -- comma list of two-letter tags
    jobsetid                 bigint,  -- groups build, run and retried jobs
    corecount                bigint,  -- cores needed
    ninputdatafiles          bigint,  -- number of input files
    inputfiletype            text,  -- type of the input files
    inputfileproject         text,  -- project of the input files
    inputfilebytes           bigint,  -- size of all input files, bytes
    noutputdatafiles         bigint NOT NULL DEFAULT 0,  -- number of output files
    outputfilebytes          bigint NOT NULL DEFAULT 0,  -- size of all output files, bytes
    jobmetrics               text,  -- key=value key=value
    workqueue_id             bigint,  -- work queue
    jeditaskid               bigint,  -- owning task
    jobsubstatus             text,  -- finer state, as reported
    actualcorecount          bigint,  -- cores really given
    reqid                    bigint,  -- request id
    maxrss                   bigint,  -- peak RSS, kB
    maxvmem                  bigint,  -- peak VMEM, kB
    maxswap                  bigint,  -- peak SWAP, kB
    maxpss                   bigint,  -- peak PSS, kB
    avgrss                   bigint,  -- mean RSS, kB
    avgvmem                  bigint,  -- mean VMEM, kB
    avgswap                  bigint,  -- mean SWAP, kB
    avgpss                   bigint,  -- mean PSS, kB
    maxwalltime              bigint,  -- expected wall time, s
    nucleus                  text,  -- site that collects the task's output
    eventservice             bigint,  -- event service mode
    failedattempt            bigint,  -- how often the input failed before
    hs06sec                  bigint,  -- HS06 score x CPU time
    gshare                   text,  -- global share
    hs06                     bigint,  -- HS06 per core x cores
    totrchar                 bigint,  -- read calls, kB
    totwchar                 bigint,  -- write calls, kB
    totrbytes                bigint,  -- bytes read from disk, kB
    totwbytes                bigint,  -- bytes written to disk, kB
    raterchar                bigint,  -- read calls per second, bytes
    ratewchar                bigint,  -- write calls per second, bytes
    raterbytes               bigint,  -- bytes read from disk per second, bytes
    ratewbytes               bigint,  -- bytes written to disk per second, bytes
    resource_type            text,  -- SCORE, MCORE, SCORE_HIMEM, MCORE_HIMEM
    diskio                   bigint,  -- expected disk traffic, kB/s
    memory_leak              bigint,  -- memory growth, kB/s
    memory_leak_x2           double precision,  -- chi square of that fit
    container_name           text,  -- container image
    job_label                text,  -- label for brokerage and shares
    gco2_regional            double precision,  -- g CO2, regional grid
    gco2_global              double precision,  -- g CO2, world average
    cpu_architecture_level   text,  -- e.g. x86_64-v3
    outputfiletype           text,  -- type of the output files
    -- pandad's own
    owneranchor              text NOT NULL,  -- the trust anchor or issuer that vouched for the submitter
    ownersubject             text NOT NULL,  -- the submitter's DN or token subject; with the anchor it is the owner
    holderanchor             text,  -- who claimed this attempt
    holdersubject            text,
    reportedstatus           job_status,  -- what the pilot's final report says; the adder's work is there while this is set and the job holding
    nextcheck                timestamptz NOT NULL DEFAULT now(),  -- when a loop should look at it again
    CONSTRAINT job_attempt_counts_up CHECK (attemptnr >= 0),
    CONSTRAINT job_placed_has_queue CHECK (computingsite IS NOT NULL OR jobstatus IN ('pending', 'defined', 'waiting', 'failed', 'cancelled', 'closed')),
    CONSTRAINT job_in_slot_has_holder CHECK (holdersubject IS NOT NULL OR jobstatus NOT IN ('sent', 'starting', 'running')),
    CONSTRAINT job_final_has_end CHECK (endtime IS NOT NULL OR jobstatus NOT IN ('finished', 'failed', 'cancelled', 'closed')),
    CONSTRAINT job_report_is_final CHECK (reportedstatus IN ('finished', 'failed'))
) WITH (fillfactor = 70);

CREATE INDEX job_activated ON job (computingsite, currentpriority DESC, pandaid) WHERE jobstatus = 'activated';
CREATE INDEX job_defined ON job (currentpriority DESC, pandaid) WHERE jobstatus = 'defined';
CREATE INDEX job_input ON job (nextcheck, pandaid) WHERE jobstatus IN ('assigned', 'waiting');
CREATE INDEX job_output ON job (nextcheck, pandaid) WHERE jobstatus = 'holding' AND reportedstatus IS NOT NULL;
CREATE INDEX job_in_slot ON job (jobstatus, pandaid) WHERE jobstatus IN ('sent', 'starting', 'running', 'holding');
CREATE INDEX job_placed ON job (computingsite, jobstatus) WHERE jobstatus IN ('assigned', 'waiting', 'activated', 'sent', 'starting', 'running', 'holding', 'transferring');
CREATE INDEX job_owner ON job (ownersubject, owneranchor, pandaid DESC);

-- The long texts of a job, apart so that a heartbeat does not rewrite them.
CREATE TABLE job_text (
    pandaid       bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
    jobparameters text,
    metadata      text,
    stdout        text  -- tail of the payload's output, in debug mode
);

-- Every change of a job, append only: replaying a job's rows gives its state.
CREATE TABLE job_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pandaid    bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    event      text NOT NULL,
    fromstatus job_status,
    tostatus   job_status NOT NULL,
    attemptnr  bigint NOT NULL,
    actor      text NOT NULL,
    who        text NOT NULL,  -- identity or process behind the actor
    why        text
);
CREATE INDEX job_event_of_job ON job_event (pandaid, id);

-- What a pilot reported at the end of an attempt; one row per attempt, the first report counts.
CREATE TABLE job_report (
    pandaid      bigint NOT NULL,
    attemptnr    bigint NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    outcome      job_status NOT NULL,
    outputreport text NOT NULL,  -- JSON {lfn: {guid, fsize, adler32 or md5sum, surl, endpoint}} as sent
    PRIMARY KEY (pandaid, attemptnr)
);

-- The last brokerage decision on a job: a verdict for each queue that was looked at.
CREATE TABLE job_decision (
    pandaid  bigint PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    chosen   text,
    verdicts jsonb NOT NULL
);

-- Input and output files of jobs.
CREATE TABLE file (
    row_id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pandaid                bigint NOT NULL REFERENCES job ON DELETE CASCADE,
    guid                   text,
    lfn                    text NOT NULL,
    type                   text NOT NULL,
    dataset                text,
    status                 text NOT NULL,
    proddblock             text,
    proddblocktoken        text,
    dispatchdblock         text,
    dispatchdblocktoken    text,
    destinationdblock      text,
    destinationdblocktoken text,
    destinationse          text,
    fsize                  bigint,
    md5sum                 text,
    checksum               text,
    scope                  text,
    jeditaskid             bigint,
    datasetid              bigint,
    fileid                 bigint,
    attemptnr              bigint,
    CONSTRAINT file_type_known CHECK (type IN ('input', 'output', 'log', 'pseudo_input'))
);
CREATE INDEX file_of_job ON file (pandaid);

-- Serial numbers of submissions, per identity (PanDA's jobDefinitionID).
CREATE TABLE submitter (
    anchor              text NOT NULL,
    subject             text NOT NULL,
    jobdefinitionid     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (anchor, subject)
);

-- PanDA queues: the CRIC description as it came, and pandad's own word on the status.
CREATE TABLE queue (
    name        text PRIMARY KEY,
    description jsonb NOT NULL,
    status      text NOT NULL,
    reason      text,
    changedby   text NOT NULL,
    changed     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT queue_status_known CHECK (status IN ('online', 'test', 'brokeroff', 'offline', 'paused'))
);
