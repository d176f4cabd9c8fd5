"""What runs inside the model worker: llama.cpp through its low-level C interface.

Nothing outside the worker imports this folder; it is the one door to `llama_cpp`.
"""
