-- bits, escapes, texts with whatever they are joined to
CREATE TABLE t (id INT, i INT, b BIGINT, s SMALLINT, t VARCHAR, ok BOOLEAN, d DOUBLE PRECISION);
INSERT INTO t VALUES (1, 5, 3, 7, 'abcdef', true, 1.5), (2, -8, 1, -1, '', false, 100), (3, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 2147483647, 9223372036854775807, 32767, 'MTIz', true, -0.25), (5, 1, 62, 15, 'é', false, 1e20);

-- query: and, or, exclusive or, not
SELECT id, i & s AS x1, i | 6 AS x2, i # b AS x3, ~i AS x4, ~s AS x5, b & i AS x6 FROM t;

-- query: shifts lose what is shifted out
SELECT id, i << 3 AS x1, i >> 1 AS x2, b << 2 AS x3, s << 4 AS x4, s >> 1 AS x5, i << 40 AS x6, 1::bigint << 63 AS x7 FROM t;

-- query: to_hex
SELECT id, to_hex(i) AS x1, to_hex(b) AS x2 FROM t;

-- query: overlay
SELECT id, overlay(t PLACING '45' FROM 4) AS x1, overlay(t PLACING '45' FROM 2 FOR 1) AS x2, overlay(t PLACING '-' FROM 3 FOR -1) AS x3, overlay(t PLACING '-' FROM 0) AS x4, overlay(t PLACING '-' FROM 9) AS x5 FROM t;

-- query: || of a text and something else
SELECT id, 'x' || i AS x1, b || 'x' AS x2, 'x' || ok AS x3, 'x' || d AS x4, t || NULL AS x5 FROM t;

-- query: texts beside numbers
SELECT id, d - '0.5' AS x1, '3' + i AS x2, 2 * d AS x3, i + NULL AS x4 FROM t WHERE id < 4;

-- query: decode of base64, the bits of bytes
SELECT id, encode(decode(t, 'base64'), 'hex') AS x1, bit_length(t::varchar) AS x2 FROM t WHERE id IN (1, 3, 4);

-- query: escapes and collations
SELECT id, E'a\tb\n\'' AS x1, t < 'B' COLLATE "C" AS x2, date('2024-02-29') AS x3, format('%s of %s%%', t, i) AS x4 FROM t;

-- query: texts as bytes, hashed; initcap beyond ASCII
SELECT id, encode(t::bytea, 'hex') AS x1, encode(sha256((t || 'x')::bytea), 'hex') AS x2, encode(('\x' || to_hex(id + 16))::bytea, 'hex') AS x3, initcap(t || ' éß ÀB ßa') AS x4 FROM t;

-- query: roots as operators
SELECT id, |/ d AS x1, ||/ 27.0 AS x2 FROM t WHERE d > 0;

-- query: what is truncated after a division of decimals
SELECT id, trunc(10445 / pow(10.0, 4) * 10000) AS x1, floor(i / 0.7 * 0.7) AS x2 FROM t WHERE id < 3;
