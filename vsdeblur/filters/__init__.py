"""The VapourSynth front end. The only place that imports `vapoursynth`."""
