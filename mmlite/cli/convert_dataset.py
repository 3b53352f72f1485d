"""Turns files of annotation tools into a data set of COCO, VOC or YOLO."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser


def build_parser() -> VerbParser:
    from mmlite.datasets.voc_corners import COORDINATES
    from mmlite.tools.convert_dataset import HOW, READERS, WRITERS

    parser = verb_parser('convert_dataset', __doc__, 'annotations.xml data/cells --to coco')
    add = parser.add_argument
    add('source', metavar='SOURCE', type=Path, help='the annotation file, or the folder')
    add('out', metavar='OUT', type=Path, help='a new folder for the images and annotations')
    add = parser.group('output')
    add('--to', required=True, choices=WRITERS, help='the form to write')
    add = parser.group('data')
    add(
        '--from',
        dest='read_as',
        metavar='NAME',
        help=f'the form of the source, where its files do not tell: {", ".join(READERS)}',
    )
    add('--images', type=Path, metavar='DIR', help='where the images are (beside the annotations)')
    add = parser.group('output')
    add('--pictures', choices=HOW, default='copy', help='what becomes of the image files (copy)')
    add = parser.group('data')
    add(
        '--from-coordinates',
        choices=COORDINATES,
        help="what a VOC source's corners count by (as its files tell)",
    )
    add = parser.group('output')
    add(
        '--to-coordinates',
        choices=COORDINATES,
        default='inclusive',
        help='what the corners of --to voc count by, as of VOCDataset (inclusive)',
    )
    add = parser.group('data')
    add('--class-attribute', metavar='NAME', help='of VIA: the attribute that is the class')
    add(
        '--split',
        default='',
        metavar='NAME',
        help="of YOLO's data.yaml: train, val or test (train)",
    )
    add('--skip-bad', action='store_true', help='leave out bad annotations, and count them')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), convert_dataset, argv)


def convert_dataset(args: argparse.Namespace) -> None:
    """Converts, and prints what came in, what went out and what could not be kept."""
    from mmlite.tools.convert_dataset import Source, convert, summary

    source = Source(
        args.source,
        args.images,
        args.from_coordinates,
        args.class_attribute,
        args.split,
        args.skip_bad,
    )
    done = convert(source, args.to, args.out, args.read_as, args.pictures, args.to_coordinates)
    print(summary(source, done))
