"""Small environments: prompts, a reward, a judge that is not the reward, and a hack.

A task is one file here that makes a `Task`; `task.py` says what a task is.
"""
