from matloop.matter.sdf import sdf_records

TWO = """water
  made by hand

  1  0  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 O   0  0
M  END
>  <boiling point (K)>  (1)
373.15

> <remark>
first line
second line

$$$$

  untitled

  1  0  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
M  END
> <boiling point (K)>
111.66
"""


def test_records_keep_block_values_and_line():
    water, methane = sdf_records(TWO)
    assert water.title == "water"
    assert water.block.endswith("M  END\n")
    assert water.values == {"boiling point (K)": "373.15", "remark": "first line\nsecond line"}
    assert (water.line, methane.line) == (1, 15)


def test_the_last_end_mark_may_be_missing_and_lines_may_end_as_on_windows():
    assert sdf_records(TWO.replace("\n", "\r\n")) == sdf_records(TWO)
    assert sdf_records(TWO)[1].values == {"boiling point (K)": "111.66"}


def test_a_record_that_was_cut_off_keeps_what_there_is():
    (cut,) = sdf_records(TWO[:60])
    assert cut.values == {}
    assert cut.block.startswith("water")


def test_nothing_is_no_record():
    assert sdf_records("\n \n") == ()
