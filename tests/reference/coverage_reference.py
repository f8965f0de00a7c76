"""How an interval is held to its word: drawn TRIALS times, it must hold the truth about as often as it says."""

import numpy as np
from scipy import stats

TRIALS = 600


def holds_often_enough(hits):
    """Refused where a true 95 % would hold the truth so seldom with probability below 1e-4."""
    return stats.binomtest(int(np.sum(hits)), len(hits), 0.95, alternative="less").pvalue > 1e-4
