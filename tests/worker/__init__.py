"""Workers, schedules, and what else starts executions."""
