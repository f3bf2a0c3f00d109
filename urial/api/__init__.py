"""The client for servers of OpenAI's protocol: how hard they are asked, what is sent again, and errors without secrets.

Nothing here knows what is asked. A judge and a served model hand over requests, and get replies in their order.
"""
