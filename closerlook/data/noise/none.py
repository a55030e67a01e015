"""Real data: nothing is corrupted."""

from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(words="real data", replaces=None, look=Look("#222222", "o"), convention="nothing is corrupted")
