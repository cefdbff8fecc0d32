"""A voter."""

from ballot import vote


def main(app_config=None, in_favour=False):
    return vote("ann", in_favour, app_config.log_config)
