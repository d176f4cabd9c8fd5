"""Supervised fine-tuning on examples: phase 1 of the method, and learning from accepted and edited steps.

`rows` puts the replies to one prompt into one row, so that the prompt is computed once; `trainer` is TRL's
SFTTrainer over such rows; `finetune` is one resumable run of it.
"""
