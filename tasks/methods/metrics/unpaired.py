"""Is accuracy lower on one set of rows than on another? A test for two samples that share no row."""


def accuracy_drop(reference: tuple[int, int], current: tuple[int, int]) -> float:
    """Fisher's exact test, one-sided, that the current rows are predicted worse (Fisher, 1922, doi:10.2307/2340521).

    Both samples are taken as uncertain: a reference of 50 rows proves less than one of 5,000.

    Args:
        reference: Right predictions and all rows of the reference.
        current: The same of the rows in question.

    Returns:
        The p-value: the chance of a drop at least this large if accuracy were the same; 1 where a sample is empty.

    Raises:
        ValueError: More right predictions than rows, or a negative count.
    """
    from scipy import stats

    for right, rows in (reference, current):
        if not 0 <= right <= rows:
            raise ValueError(f"Invalid sample. Expected 0 <= right <= rows. Received: right={right}, rows={rows}.")
    if reference[1] == 0 or current[1] == 0:
        return 1.0
    table = [[reference[0], reference[1] - reference[0]], [current[0], current[1] - current[0]]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)
