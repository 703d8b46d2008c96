"""The walk from a question to a report: run folder, resume, replay."""
