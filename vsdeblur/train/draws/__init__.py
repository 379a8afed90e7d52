"""What happens to a batch of training windows between the shutter and the network.

Each draw changes a share of a batch, all at once on its device, and is a function of its generator:
`f(blurred, sharp, share, generator) -> (blurred, sharp)`, with blurred (N, T, H, W) and sharp
(N, M, H, W) in [0, 1], on one device with the generator. Nothing is changed in place, and nothing
asks the device for a value (but for `video_coded`, which is the CPU's). What a filter should not
undo, such as the camera's sharpening, is done to the sharp partners too; what it should, such as
coding, to the blurred frames alone.

In the order in which footage meets them: light (`flashes`), the editor (`dissolves`, `cuts`), the
camera (`sharpened`, then sensor noise: `synthesis.windows.degrade`, `grain`), the codec
(`block_coded`, `video_coded`), and at last the player, which loses frames and repeats others
(`missing_neighbours`).
"""
