from sim2real.randomizers import Randomizer
from sim2real.randomizers.bayrn import BayRn
from sim2real.testing import RandomizerContract
from sim2real_envs.parameters import ParameterSpace


class TestBayRnContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return BayRn.create(space)


class TestBayRnWithWidthsContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return BayRn.create(space, widths="each", shape="uniform", score="return", bound="lower", warm_start=False)
