"""What the pilot's error codes mean, in a few words: the message on a job is not for everybody's eyes.

The numbers are those of panda-pilot 3.7 (pilot/common/errorcodes.py); one that is not here has no words. The server's own codes
stand in erroradvice.py.
"""

from __future__ import annotations

from collections.abc import Mapping

PILOT_ERRORS: Mapping[int, str] = {
    0: "no error was reported", 1008: "general error of the pilot", 1098: "too little disk on the worker node",
    1099: "stage-in failed", 1100: "no copy of an input found", 1103: "an input is not there",
    1104: "work directory too large", 1106: "output on the terminal too large", 1110: "setup of the payload failed",
    1116: "no description of the queue", 1117: "bad description of the queue", 1124: "an output file is too large",
    1133: "storage not known", 1137: "stage-out failed", 1141: "checksum (MD5) wrong after stage-out",
    1144: "killed by the server", 1145: "checksum (MD5) wrong after stage-in", 1149: "payload could not be downloaded",
    1150: "payload seemed to loop", 1151: "stage-in took too long", 1152: "stage-out took too long",
    1163: "no proxy on the worker node", 1165: "an output file is missing", 1168: "inputs too large for the worker node",
    1171: "checksum (Adler-32) wrong after stage-in", 1172: "checksum (Adler-32) wrong after stage-out",
    1177: "no VOMS proxy on the worker node", 1186: "no directory with software", 1190: "name of a file too long",
    1191: "an output file is empty", 1199: "work directory could not be made", 1200: "ended by a signal",
    1201: "ended by SIGTERM: often the batch system", 1203: "ended by SIGSEGV", 1204: "CPU time used up",
    1205: "killed by its user", 1211: "software not installed", 1212: "payload ran out of memory", 1213: "wall time used up",
    1220: "payload failed for an unknown reason", 1221: "an output is there already", 1223: "payload could not get memory",
    1235: "payload used more memory than it may", 1236: "ended by the server", 1246: "no tarball of the user",
    1301: "exception in the pilot", 1305: "payload failed", 1306: "container failed", 1310: "payload could not be run",
    1316: "Rucio not available", 1318: "server could not be reached", 1319: "fault inside the pilot",
    1320: "log could not be made", 1322: "Rucio could not list copies", 1324: "a service is not available",
    1326: "no copies of the inputs", 1327: "network not reachable", 1328: "payload had a segmentation fault",
    1331: "an input file is missing", 1332: "the worker node eats jobs", 1333: "no room at the remote storage",
    1335: "code of the user is missing", 1338: "stage-in was not authorised", 1341: "bad configuration of the queue",
    1344: "a resource is not available", 1346: "the transformation was not found", 1355: "payload dumped core",
    1359: "queue not active", 1360: "container image not found", 1364: "credentials are missing",
    1367: "a command took too long", 1371: "bad name of an output", 1373: "certificate has expired",
    1375: "the time of the slot was over",
}
