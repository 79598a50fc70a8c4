"""The input of a request: the fields of a form, the number of a row."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Query, Request

from gnnneg.errors import UserError

MOST = 20  # fields

Fields = dict[str, str]
Number = Annotated[int, Query(ge=0, lt=1 << 63)]  # of a row, as SQLite counts them


async def _fields(request: Request) -> Fields:
    """The fields of a form, as a browser sends them."""
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST))
    except ValueError as error:
        raise UserError("This is not a form: send its fields as application/x-www-form-urlencoded.") from error


Form = Annotated[Fields, Depends(_fields)]
