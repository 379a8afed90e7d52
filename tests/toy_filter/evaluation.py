"""What is scored beside the result: half of it."""

from vsdeblur.evaluate.evaluation_task import EvaluationTask, Intermediate


def toy_evaluation(restorer, load):
    half = load(strength=0.5)
    return EvaluationTask(
        restore=lambda window: (restorer.restore(window), {}),
        intermediates={"half": Intermediate("half of toy", half.restore)},
    )
