"""The network: one weight."""

from torch import nn

from vsdeblur.models import InferenceForm, ModelSpec


class ToyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)

    def forward(self, frames):
        """(N, T, H, W) -> the middle one, (N, 1, H, W)."""
        middle = frames.shape[1] // 2
        return self.conv(frames[:, middle : middle + 1])


TOY_MODELS = {
    "small": ModelSpec(
        build=ToyNet,
        fold=lambda network: InferenceForm(network.eval(), adds_middle_frame=False),
        channels_in=(1,),
        radius=0,
        channels=1,
        multiple_of=1,
        receptive_radius=0,
        values_per_pixel=2,
    )
}
