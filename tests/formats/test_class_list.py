"""The list of classes beside a folder of masks, as people and tools write it."""

import pytest

from curation.core.errors import FormatError, TaxonomyError
from curation.formats import mask_folder
from curation.formats.mask_folder import class_list
from tests.formats.test_mask_folder import load, save


def categories(tmp_path, text):
    path = tmp_path / "classes.csv"
    path.write_text(text, "utf-8")
    return class_list.read(str(path))


@pytest.mark.parametrize(
    "text",
    [
        "id, name\n0, background\n1, shirt\n2, trousers\n",
        " Id ,NAME\n0,background\n1,shirt\n2,trousers\n",
        "Pixel Value, Class\n0, background\n1, shirt\n2, trousers\n",
        ",label_list\n0,background\n1,shirt\n2,trousers\n",
        "value,label\n0,background\n1,shirt\n2,trousers\n",
        "class_name,index,R,G,B\nbackground,0,0,0,0\nshirt,1,1,1,1\ntrousers,2,2,2,2\n",
        "id,name,category,value\n0,background,,\n1,shirt,top,7\n2,trousers,,\n",
        ",id,name\n5,0,background\n6,1,shirt\n7,2,trousers\n",
        'id, name\n0, "background"\n1.0, "shirt"\n2.0, trousers\n',
    ],
)
def test_columns_are_found_by_the_names_that_tools_give_them(tmp_path, text):
    assert categories(tmp_path, text) == {0: None, 1: "shirt", 2: "trousers"}


def test_a_name_with_a_comma_in_quotes_is_one_behind_a_blank_too(tmp_path):
    found = categories(tmp_path, 'id, name\n1, "shirt, blouse"\n')
    assert found == {1: "shirt, blouse"}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("", "classes.csv:1: no columns id and name"),
        ("1,shirt\n", "classes.csv:1: no columns id and name"),
        ("id;name\n1;shirt\n", "classes.csv:1: its columns are separated by semicolons"),
        ("Pixel Value; Class\n1;a\n", "classes.csv:1: its columns are separated by semicolons"),
        (";label_list\n1;shirt\n", "its columns are separated by semicolons"),
        ("id\tname\n1\tshirt\n", "its columns are separated by tabs"),
        ("name,color\nshirt,#000000\n", "Read as an id is also a column class id, .*pixel value"),
        ("id,class,label\n1,a,b\n", "its name may be in column 'class' or 'label': call the one"),
        ("id,value,name\n1,a,b,c\n", "classes.csv:2: more cells"),
        ("value,index,class\n1,2,a\n", "its id may be in column 'value' or 'index'"),
        ("id,name,name\n1,a,b\n", "its name may be in column 'name' or 'name'"),
        (",,name\n1,2,a\n", "no columns id and name"),
        ("id,name\n1,shirt\n".encode("utf-16"), "classes.csv: UTF-16 text"),
        ("id,name\n", "has a header and no classes"),
        ("id,name\n1,shirt\n1,pants\n", "classes.csv:3: id 1 or name 'pants' is there twice"),
        ("id,name\n1,shirt\n2,Shirt\n", "classes.csv:3: id 2 or name 'Shirt' is there twice"),
        ("id,name\n-1,shirt\n", "classes.csv:2: id '-1' is not a number from 0 to 65535"),
        ("id,name\n65536,shirt\n", "id '65536' is not a number"),
        ("id,name\n1.5,shirt\n", "id '1.5' is not a number"),
        ("id,name\n" + "9" * 5000 + ",shirt\n", r"id '9+\.\.\.9+' is not a number"),
        ("id,name\n\u0661,shirt\n", "is not a number"),
        ("id,name\n1\n", "classes.csv:2: the label '' is empty"),
        ("id,name\n1,a\0b\n", r"label 'a\\x00b' is empty or cannot be printed"),
        ('id,name\n1,"a\nb"\n', r"cannot be printed"),
        ("id,name\n1,shirt, blouse\n", "classes.csv:2: more cells than the first line"),
        ('id,name\n1,"shirt\n2,pants\n', "not a CSV"),
        (b"id,name\n1,\xff\n", "not UTF-8 text"),
        ("id,name\n" + "x" * class_list.MAX_LIST, "larger than 1 MiB"),
    ],
)
def test_a_class_list_that_is_wrong_is_one_error(masks, images_folder, classes, message):
    save(masks / "a.png")
    with pytest.raises(FormatError, match=message):
        load(masks, images_folder, classes)


def test_a_class_list_that_is_not_there_names_the_way_out(masks, images_folder, tmp_path):
    for classes, error, message in (
        (str(tmp_path / "no.csv"), FormatError, "No such file"),
        (str(tmp_path / "no.toml"), TaxonomyError, "No such file"),
        ("nothing", FormatError, "give a .csv, .* or one of styles, supercategories"),
    ):
        with pytest.raises(error, match=message):
            mask_folder.load(masks, images_folder, classes)
