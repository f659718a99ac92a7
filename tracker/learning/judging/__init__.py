"""How good a network is: its answers, as the live loop gets them, against labels.

Needs the extra `train` (scikit-learn, pycocotools, matplotlib), and never PyTorch.
"""
