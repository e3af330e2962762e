"""Which pictures of a loop of footage are missing in a recording, told by the pictures' sizes."""

from collections.abc import Sequence

# So many pictures in a row of the right sizes are where they seem to be.
_CERTAIN = 4


def lost_pictures(found: Sequence[int], loop: Sequence[int], first: int, begin: int, end: int) -> int:
    """How many of the pictures `begin` to `end` (not included) are missing or of another size than they were sent with.

    Picture k was sent with the size `loop[k % len(loop)]`. `found` are the sizes of what was recorded, in order; the
    recording begins with picture `first` or later. Up to a whole loop missing in one place is counted; more looks like
    less, by whole loops, which the end of the recording shows, as it lies too early then.
    """
    length = len(loop)
    there = 0
    at, position = first, 0
    while position < len(found) and at < end:
        if found[position] == loop[at % length]:
            there += at >= begin
            at, position = at + 1, position + 1
            continue
        ahead = found[position : position + _CERTAIN]
        skipped = next(
            (
                skip
                for skip in range(1, length)
                if all(size == loop[(at + skip + offset) % length] for offset, size in enumerate(ahead))
            ),
            None,
        )
        if skipped is None:
            position += 1  # a damaged picture: nothing that was sent
        else:
            at += skipped
    return end - begin - there
