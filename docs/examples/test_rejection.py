from rejection import Rejection

from sim2real.testing import RandomizerContract


class TestRejection(RandomizerContract):
    def make(self, space):
        return Rejection.create(space)
