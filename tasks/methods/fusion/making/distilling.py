"""Fuse, then shrink: an ensemble teaches the best of its members, so that serving costs what that one does."""

from tasks.methods.backend import keras
from tasks.methods.distillation.control import distil_with_control
from tasks.methods.distillation.distil import DistilSettings
from tasks.methods.distillation.teachers import Teachers
from tasks.methods.fusion.making.base import Lessons, Made, Members, NoFusion
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.pruning.masks import Masks

SOFT = DistilSettings(objective="soft", temperature=2.0, alpha=0.9)


def shrunk(ensemble: Made, members: Members, lessons: Lessons, distillation: DistilSettings = SOFT) -> Made:
    """Trains the best member on from where it is, with the ensemble as teacher; its zeros stay.

    The same training without a teacher runs beside it. It must lose: what more epochs alone give is no fusion.

    Args:
        ensemble: The teacher.
        members: The family.
        lessons: Its rows, and how to train.
        distillation: What the student is asked to match.

    Raises:
        NoFusion: The control did as well.
    """
    best = members.best(lessons.y)
    student = _copy(members.models[best])
    contest = distil_with_control(
        student,
        Teachers([ensemble.model]),
        lessons.train,
        lessons.validation,
        lessons.settings,
        distillation,
        augment=lessons.augment,
        masks=Masks.of(student),
    )
    told = f"validation loss {contest.distilled.validation_loss:.4f} with it, {contest.control.validation_loss:.4f} without"
    if contest.kept == "control":
        raise NoFusion(f"{ensemble.name} teaches {members.labels[best]} nothing: {told}")
    return Made(
        name=f"{ensemble.name}, distilled",
        model=student,
        losses=row_losses(predict(student, lessons.validation[0]), lessons.y),
        shares=ensemble.shares,
        what=f"{ensemble.what}, distilled into {members.labels[best]}: {told}",
        contributions=ensemble.contributions,
        student=True,
    )


def _copy(model: keras.Model) -> keras.Model:
    """A flat copy, weights and all."""
    flat = to_functional(model)
    if flat is not model:
        return flat
    copied = keras.models.clone_model(flat)
    copied.set_weights(flat.get_weights())
    return copied
