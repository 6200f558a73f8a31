"""Tells twistd of pandad; it is imported by every `twistd --help`, so it imports nothing of pandad."""

from twisted.application.service import ServiceMaker

pandad = ServiceMaker("pandad", "pandad.service", "The PanDA server as one daemon.", "pandad")
