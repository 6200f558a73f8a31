"""Calls that panda-server has and pandad has not, with the reason: of its legacy dialect (0.8.1) and of API v1 (1.0.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NONE_CALLS = "no program in use calls it: clients have gone to API v1"
EVENTS = "there is no event service here: a job is the smallest piece of work"
WORKFLOWS = "there are no workflows and no iDDS here"
CAROUSEL = "there is no data carousel here: Rucio's rules bring data from tape"
LOGS = "logs of jobs are outputs, and those of the daemon stay on its host"
CHECKPOINTS = "there are no checkpoints of hyper-parameter scans here"
JUMBO = "it goes with the event service"
NODES = "worker nodes are not kept; pilots ignore the answer"

LEGACY_CALLS: Mapping[str, Sequence[str]] = {
    NONE_CALLS: (
        "submitJobs", "getJobStatus", "getFullJobStatus", "killJobs", "insertTaskParams", "killTask", "finishTask", "retryTask",
        "pauseTask", "resumeTask", "reactivateTask", "reloadInput", "increaseAttemptNrPanda", "getTaskStatus", "getTaskParamsMap",
        "getJediTaskDetails", "getJediTasksInTimeRange", "getPandaIDsWithTaskID", "get_files_in_datasets", "getUserJobMetadata",
        "getJobStatisticsPerSite", "get_job_statistics_per_site_label_resource", "get_ban_users", "checkJobStatus",
        "checkSandboxFile", "insertSandboxFileInfo", "touchFile", "deleteFile", "getServer", "getScriptOfflineRunning"),
    "Harvester has gone to API v1": (
        "harvesterIsAlive", "updateWorkers", "reportWorkerStats_jobtype", "getWorkerStats", "addHarvesterDialogs",
        "updateServiceMetrics", "getCommands", "ackCommands", "get_max_worker_id", "sweepPQ", "setNumSlotsForWP"),
    EVENTS: ("getEventRanges", "updateEventRange", "updateEventRanges", "get_events_status", "checkEventsAvailability",
             "updateJobsInBulk"),
    JUMBO: ("enableJumboJobs", "getJumboJobDatasets"),
    WORKFLOWS: ("put_workflow_request", "relay_idds_command", "execute_idds_workflow_command"),
    CHECKPOINTS: ("put_checkpoint", "delete_checkpoint"),
    LOGS: ("uploadLog", "updateLog", "fetchLog"),
    "files go to `file_server/upload_cache_file`; no released client sends them here": ("putFile",),
    "panda-client 2.2.0 cannot read the answer; submit the list of files instead": ("putEventPickingRequest",),
    "a lost output is made again by retrying its task": ("put_file_recovery_request",),
    "an operator steers by queues, shares and `pandad job kill`": (
        "reassignJobs", "reassignTask", "reassignShare", "avalancheTask", "release_task", "killUnfinishedJobs",
        "changeTaskPriority", "changeTaskAttributePanda", "changeTaskSplitRulePanda", "changeTaskModTimePanda"),
}

V1_CALLS: Mapping[str, Sequence[str]] = {
    EVENTS: ("event/acquire_event_ranges", "event/get_available_event_range_count", "event/get_event_range_statuses",
             "event/update_event_ranges", "event/update_single_event_range"),
    JUMBO: ("task/enable_jumbo_jobs", "task/get_jumbo_job_datasets", "task/enable_job_cloning", "task/disable_job_cloning"),
    WORKFLOWS: ("workflow/submit_workflow", "workflow/submit_workflow_raw_request", "idds/relay_idds_command",
                "idds/execute_idds_workflow_command", "file_server/upload_workflow_request"),
    CAROUSEL: ("data_carousel/change_staging_destination", "data_carousel/change_staging_source",
               "data_carousel/force_to_staging", "data_carousel/retire_unused"),
    CHECKPOINTS: ("file_server/upload_hpo_checkpoint", "file_server/delete_hpo_checkpoint"),
    LOGS: ("file_server/upload_jedi_log", "file_server/update_jedi_log", "file_server/download_jedi_log",
           "async_process/submit_grep_request", "async_process/submit_sleep_echo_request", "async_process/get_result"),
    NODES: ("pilot/update_worker_node", "pilot/update_worker_node_gpu"),
    "the server registers what is uploaded by itself": ("file_server/register_cache_file",),
    "panda-client 2.2.0 asks for it by the legacy call, which see": ("file_server/upload_event_picking_request",),
    "a lost output is made again by retrying its task": ("file_server/upload_file_recovery_request",),
    "`statistics/demand` and `/metrics/demand` say it by queue and resource type": (
        "statistics/job_stats_by_cloud", "statistics/job_stats_by_site_and_resource_type",
        "statistics/job_stats_by_site_share_and_resource_type",
        "statistics/production_job_stats_by_cloud_and_processing_type"),
    "`/cache/schedconfig/pandaqueues.json` has all queues with all keys": ("metaconfig/get_site_specs",),
    "`job/get_description` has all that such a script is made of": ("job/generate_offline_execution_script",),
    "an operator steers by queues, shares and `pandad job kill`": (
        "job/reassign", "task/reassign", "task/reassign_global_share", "task/avalanche", "task/release",
        "task/kill_unfinished_jobs", "task/change_attribute", "task/change_modification_time", "task/change_priority",
        "task/change_split_rule"),
    "how many workers a queue gets is its factory's configuration": ("harvester/add_target_slots",),
}
