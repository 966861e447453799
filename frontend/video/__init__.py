"""Video: frames picked from a film, each classified by the model server, and one answer for the whole.

    request ─► upload (a nameless file) ─► reader ─► sampling ─► frames ─► analysis ─► events
                                                                              └─► aggregate

The answer to the request is the stream of events itself, so a video lives in one request of one worker process: when
the client leaves, the request ends, and with it the decoding, the file and the place in the queue.
"""
