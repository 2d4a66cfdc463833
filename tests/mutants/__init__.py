"""Does any test notice when a line of the model, or of the log, says something else?"""
