"""Many pictures in one request, each answered as one alone would be: a stream of events, a picture as its answer comes.

    request ─► upload (its files, or a zip's) ─► work ─► events

The request is the job: when the client leaves, nothing more is asked, and what was sent goes with it.
"""
