"""What the API is measured against: the same three operations on the same tables, in FastAPI, asyncpg and uvicorn.

It is written as somebody who knows FastAPI well writes it for speed, and has less to do than the API:

- uvloop and httptools, a pool of ten connections as the API's, statements that asyncpg prepares by itself.
- ORJSONResponse and no response model: Pydantic would look at each answer once more.
- The bearer token is verified at each request; its user is looked up every five seconds, as the API does.
- An issue of one line is one statement, and a transaction by itself: the UPDATE takes the row's lock and checks that
  there is enough, the INSERT writes the movement, and the answer waits for the disk. Several lines are the same in one
  transaction, in the order in which the API locks them.
- A line of log a request, which is uvicorn's own.

What it leaves out of what the API does: Idempotency-Key, webhooks' outbox, rate limit, metrics, security headers, request
ids. Nothing of it is on the way of these requests but the last four.
"""

import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.responses import ORJSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

KEY = os.environ["JWT_SECRET_KEY"]
USER_LIFE_SECONDS = 5

ITEM = """id, sku, name, category_id, supplier_id, unit, unit_price::text AS unit_price, reorder_point, barcode,
  version, created_at, updated_at, archived_at"""


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(
        host=os.environ["DATABASE_HOST"],
        user=os.environ["DATABASE_USER"],
        database=os.environ["DATABASE_NAME"],
        password=Path("/run/secrets/db_password").read_text().strip(),
        min_size=10,
        max_size=10,
        server_settings={"timezone": "UTC"},
    )
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan, default_response_class=ORJSONResponse)
users: dict[int, tuple[float, asyncpg.Record]] = {}


async def authenticated(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> asyncpg.Record:
    try:
        claims = jwt.decode(
            credentials.credentials, KEY, algorithms=["HS256"], issuer="inventory-api"
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "invalid token") from error
    user_id = int(claims["sub"])
    until, user = users.get(user_id, (0, None))
    if until < time.monotonic():
        user = await app.state.pool.fetchrow(
            "SELECT id, role FROM users WHERE id = $1 AND active", user_id
        )
        if user is None:
            raise HTTPException(401, "invalid token")
        users[user_id] = (time.monotonic() + USER_LIFE_SECONDS, user)
    return user


User = Annotated[asyncpg.Record, Depends(authenticated)]


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    item_id: int = Field(ge=1)
    location_id: int = Field(default=1, ge=1)
    quantity: int = Field(ge=1, le=1_000_000_000)


class Issue(BaseModel):
    model_config = ConfigDict(extra="forbid")
    lines: list[Line] = Field(min_length=1, max_length=500)
    reason: str | None = Field(default=None, max_length=500)
    reference: str | None = Field(default=None, max_length=200)


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/api/v1/items/{item_id}")
async def get_item(item_id: int, user: User):
    row = await app.state.pool.fetchrow(f"SELECT {ITEM} FROM items WHERE id = $1", item_id)
    if row is None:
        raise HTTPException(404, "there is no such item")
    return ORJSONResponse(dict(row), headers={"etag": f'"{row["version"]}"'})


@app.get("/api/v1/items")
async def list_items(user: User, limit: Annotated[int, Query(ge=1, le=200)] = 50):
    rows = await app.state.pool.fetch(
        f"SELECT {ITEM} FROM items WHERE archived_at IS NULL ORDER BY sku, id LIMIT $1", limit + 1
    )
    more = len(rows) > limit
    data = [dict(row) for row in rows[:limit]]
    return ORJSONResponse({"data": data, "next_cursor": data[-1]["sku"] if more else None})


async def issue_line(
    connection: asyncpg.Connection, line: Line, issue: Issue, user: asyncpg.Record, group: int | None
) -> asyncpg.Record:
    movement = await connection.fetchrow(
        """WITH level AS (
             UPDATE stock_levels SET on_hand = on_hand - $3
             WHERE item_id = $1 AND location_id = $2 AND NOT closed AND on_hand >= $3
             RETURNING on_hand)
           INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, kind, reason, reference,
             actor_id)
           SELECT coalesce($4::bigint, nextval('movement_groups')), $1, $2, -$3::bigint, on_hand, 'issue', $5, $6, $7
           FROM level
           RETURNING group_id, id, item_id, location_id, delta, balance_after, created_at""",
        line.item_id,
        line.location_id,
        line.quantity,
        group,
        issue.reason,
        issue.reference,
        user["id"],
    )
    if movement is None:
        raise HTTPException(409, "there is not enough stock; nothing was moved")
    return movement


@app.post("/api/v1/stock/issue", status_code=201)
async def issue_stock(issue: Issue, user: User) -> Response:
    if user["role"] not in ("manager", "admin"):
        raise HTTPException(403, "this needs the role manager")
    lines = sorted(issue.lines, key=lambda line: (line.item_id, line.location_id))
    async with app.state.pool.acquire() as connection:
        if len(lines) == 1:
            movements = [await issue_line(connection, lines[0], issue, user, None)]
        else:
            movements = []
            async with connection.transaction():
                for line in lines:
                    group = movements[0]["group_id"] if movements else None
                    movements.append(await issue_line(connection, line, issue, user, group))
    return ORJSONResponse(
        {
            "group": movements[0]["group_id"],
            "kind": "issue",
            "reason": issue.reason,
            "reference": issue.reference,
            "reverses": None,
            "actor_id": user["id"],
            "movements": [
                {name: value for name, value in movement.items() if name != "group_id"}
                for movement in movements
            ],
        },
        status_code=201,
    )
