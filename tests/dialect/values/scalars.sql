-- operators and functions
CREATE TABLE n (id int, i int, b bigint, s smallint, d double precision, r real, n numeric, x varchar, ok boolean);
INSERT into n VALUES
  (1,1,1,1,1.5,1.5,1.5,'1',true),
  (2,-5,-5,-5,-2.5,-2.5,-2.5,'abc',false),
  (3,null,null,null,null,null,null,null,null),
  (4,2147483647,9223372036854775807,32767,'1e300','3e38',99999999.25,'Hé',true),
  (5,0,0,0,0,0,0,'',false),
  (6,7,3,2,0.1,0.1,0.125,'a%b_c\d',true),
  (7,-2147483648,-9223372036854775808,-32768,'NaN','NaN',12345.678,'ABC',null),
  (8,3,4,5,'Infinity','-Infinity',-0.005,' pad ',true),
  (9,100,200,300,2.5,3.5,3.5,'x-y-z',true);

-- query: i+1
SELECT id, i+1 AS x FROM n;

-- query: i-1
SELECT id, i-1 AS x FROM n;

-- query: i*2
SELECT id, i*2 AS x FROM n;

-- query: i*b
SELECT id, i*b AS x FROM n;

-- query: i+s
SELECT id, i+s AS x FROM n;

-- query: s+1
SELECT id, s+1 AS x FROM n;

-- query: s+s
SELECT id, s+s AS x FROM n;

-- query: s*s
SELECT id, s*s AS x FROM n;

-- query: b+1
SELECT id, b+1 AS x FROM n;

-- query: b*2
SELECT id, b*2 AS x FROM n;

-- query: i/2
SELECT id, i/2 AS x FROM n;

-- query: b/3
SELECT id, b/3 AS x FROM n;

-- query: i/s
SELECT id, i/s AS x FROM n;

-- query: s/2
SELECT id, s/2 AS x FROM n;

-- query: i/0
SELECT id, i/0 AS x FROM n;

-- query: d/0
SELECT id, d/0 AS x FROM n;

-- query: d/i
SELECT id, d/i AS x FROM n;

-- query: n/2
SELECT id, n/2 AS x FROM n;

-- query: n/3
SELECT id, n/3 AS x FROM n;

-- query: n/0
SELECT id, n/0 AS x FROM n;

-- query: i%2
SELECT id, i%2 AS x FROM n;

-- query: b%s
SELECT id, b%s AS x FROM n;

-- query: n%2
SELECT id, n%2 AS x FROM n;

-- query: i%0
SELECT id, i%0 AS x FROM n;

-- query: -i
SELECT id, -i AS x FROM n;

-- query: -d
SELECT id, -d AS x FROM n;

-- query: i+d
SELECT id, i+d AS x FROM n;

-- query: n+i
SELECT id, n+i AS x FROM n;

-- query: n*n
SELECT id, n*n AS x FROM n;

-- query: n*i
SELECT id, n*i AS x FROM n;

-- query: n*d
SELECT id, n*d AS x FROM n;

-- query: d*d
SELECT id, d*d AS x FROM n;

-- query: i::double precision / 2
SELECT id, i::double precision / 2 AS x FROM n;

-- query: i::numeric/2
SELECT id, i::numeric/2 AS x FROM n;

-- query: abs(i)
SELECT id, abs(i) AS x FROM n;

-- query: abs(d)
SELECT id, abs(d) AS x FROM n;

-- query: abs(n)
SELECT id, abs(n) AS x FROM n;

-- query: ceil(d)
SELECT id, ceil(d) AS x FROM n;

-- query: floor(d)
SELECT id, floor(d) AS x FROM n;

-- query: ceil(n)
SELECT id, ceil(n) AS x FROM n;

-- query: floor(n)
SELECT id, floor(n) AS x FROM n;

-- query: floor(i)
SELECT id, floor(i) AS x FROM n;

-- query: round(d)
SELECT id, round(d) AS x FROM n;

-- query: round(n)
SELECT id, round(n) AS x FROM n;

-- query: round(n,2)
SELECT id, round(n,2) AS x FROM n;

-- query: round(n,-1)
SELECT id, round(n,-1) AS x FROM n;

-- query: round(i)
SELECT id, round(i) AS x FROM n;

-- query: trunc(d)
SELECT id, trunc(d) AS x FROM n;

-- query: trunc(n)
SELECT id, trunc(n) AS x FROM n;

-- query: sqrt(d)
SELECT id, sqrt(d) AS x FROM n;

-- query: sqrt(i)
SELECT id, sqrt(i) AS x FROM n;

-- query: exp(i)
SELECT id, exp(i) AS x FROM n;

-- query: ln(d)
SELECT id, ln(d) AS x FROM n;

-- query: ln(i)
SELECT id, ln(i) AS x FROM n;

-- query: sin(d)
SELECT id, sin(d) AS x FROM n;

-- query: radians(d)
SELECT id, radians(d) AS x FROM n;

-- query: sign(d)
SELECT id, sign(d) AS x FROM n;

-- query: sign(i)
SELECT id, sign(i) AS x FROM n;

-- query: d::int
SELECT id, d::int AS x FROM n;

-- query: d::bigint
SELECT id, d::bigint AS x FROM n;

-- query: n::int
SELECT id, n::int AS x FROM n;

-- query: n::bigint
SELECT id, n::bigint AS x FROM n;

-- query: r::int
SELECT id, r::int AS x FROM n;

-- query: r::double precision
SELECT id, r::double precision AS x FROM n;

-- query: i::smallint
SELECT id, i::smallint AS x FROM n;

-- query: b::int
SELECT id, b::int AS x FROM n;

-- query: n::double precision
SELECT id, n::double precision AS x FROM n;

-- query: i::varchar
SELECT id, i::varchar AS x FROM n;

-- query: b::varchar
SELECT id, b::varchar AS x FROM n;

-- query: ok::varchar
SELECT id, ok::varchar AS x FROM n;

-- query: ok::int
SELECT id, ok::int AS x FROM n;

-- query: i::boolean
SELECT id, i::boolean AS x FROM n;

-- query: d>r
SELECT id, d>r AS x FROM n;

-- query: d='NaN'::double precision
SELECT id, d='NaN'::double precision AS x FROM n;

-- query: d > 5
SELECT id, d > 5 AS x FROM n;

-- query: greatest(i,s)
SELECT id, greatest(i,s) AS x FROM n;

-- query: least(i,b,3)
SELECT id, least(i,b,3) AS x FROM n;

-- query: greatest(d,n)
SELECT id, greatest(d,n) AS x FROM n;

-- query: coalesce(i,0)
SELECT id, coalesce(i,0) AS x FROM n;

-- query: coalesce(d,i)
SELECT id, coalesce(d,i) AS x FROM n;

-- query: coalesce(x,'-')
SELECT id, coalesce(x,'-') AS x FROM n;

-- query: nullif(i,1)
SELECT id, nullif(i,1) AS x FROM n;

-- query: nullif(x,'')
SELECT id, nullif(x,'') AS x FROM n;

-- query: case when ok then i else b end
SELECT id, case when ok then i else b end AS x FROM n;

-- query: case when ok then 1 when not ok then 2 end
SELECT id, case when ok then 1 when not ok then 2 end AS x FROM n;

-- query: case i when 1 then 'one' else x end
SELECT id, case i when 1 then 'one' else x end AS x FROM n;

-- query: length(x)
SELECT id, length(x) AS x FROM n;

-- query: octet_length(x)
SELECT id, octet_length(x) AS x FROM n;

-- query: lower(x)
SELECT id, lower(x) AS x FROM n;

-- query: upper(x)
SELECT id, upper(x) AS x FROM n;

-- query: substr(x,2)
SELECT id, substr(x,2) AS x FROM n;

-- query: substr(x,0,2)
SELECT id, substr(x,0,2) AS x FROM n;

-- query: substr(x,-1,3)
SELECT id, substr(x,-1,3) AS x FROM n;

-- query: substr(x,2,1)
SELECT id, substr(x,2,1) AS x FROM n;

-- query: substr(x,1,-1)
SELECT id, substr(x,1,-1) AS x FROM n;

-- query: substring(x from 2 for 2)
SELECT id, substring(x from 2 for 2) AS x FROM n;

-- query: split_part(x,'-',2)
SELECT id, split_part(x,'-',2) AS x FROM n;

-- query: split_part(x,'-',-1)
SELECT id, split_part(x,'-',-1) AS x FROM n;

-- query: split_part(x,'-',0)
SELECT id, split_part(x,'-',0) AS x FROM n;

-- query: split_part(x,'',1)
SELECT id, split_part(x,'',1) AS x FROM n;

-- query: split_part(x,'-',9)
SELECT id, split_part(x,'-',9) AS x FROM n;

-- query: concat(x,i,'z')
SELECT id, concat(x,i,'z') AS x FROM n;

-- query: concat(x,null,'z')
SELECT id, concat(x,null,'z') AS x FROM n;

-- query: x||'z'
SELECT id, x||'z' AS x FROM n;

-- query: x||null
SELECT id, x||null AS x FROM n;

-- query: replace(x,'-','+')
SELECT id, replace(x,'-','+') AS x FROM n;

-- query: trim(x)
SELECT id, trim(x) AS x FROM n;

-- query: ltrim(x)
SELECT id, ltrim(x) AS x FROM n;

-- query: rtrim(x)
SELECT id, rtrim(x) AS x FROM n;

-- query: trim(both 'x' from x)
SELECT id, trim(both 'x' from x) AS x FROM n;

-- query: trim(leading 'x' from x)
SELECT id, trim(leading 'x' from x) AS x FROM n;

-- query: position('-' in x)
SELECT id, position('-' in x) AS x FROM n;

-- query: strpos(x,'-')
SELECT id, strpos(x,'-') AS x FROM n;

-- query: starts_with(x,'a')
SELECT id, starts_with(x,'a') AS x FROM n;

-- query: reverse(x)
SELECT id, reverse(x) AS x FROM n;

-- query: md5(x)
SELECT id, md5(x) AS x FROM n;

-- query: x like 'a%'
SELECT id, x like 'a%' AS x FROM n;

-- query: x like '%b\_c%'
SELECT id, x like '%b\_c%' AS x FROM n;

-- query: x like 'a\%%'
SELECT id, x like 'a\%%' AS x FROM n;

-- query: x ilike 'AB%'
SELECT id, x ilike 'AB%' AS x FROM n;

-- query: x not like 'a%'
SELECT id, x not like 'a%' AS x FROM n;

-- query: x ~ '^[a-z]+$'
SELECT id, x ~ '^[a-z]+$' AS x FROM n;

-- query: x !~ 'a'
SELECT id, x !~ 'a' AS x FROM n;

-- query: regexp_match(x,'([a-z])-([a-z])')
SELECT id, regexp_match(x,'([a-z])-([a-z])') AS x FROM n;

-- query: regexp_match(x,'b.c')
SELECT id, regexp_match(x,'b.c') AS x FROM n;

-- query: (regexp_match(x,'([a-z])(-)?([0-9])?'))[2]
SELECT id, (regexp_match(x,'([a-z])(-)?([0-9])?'))[2] AS x FROM n;

-- query: (regexp_match(x,'([a-z])(-)?([0-9])?'))[3]
SELECT id, (regexp_match(x,'([a-z])(-)?([0-9])?'))[3] AS x FROM n;

-- query: regexp_match(x,'\w+')
SELECT id, regexp_match(x,'\w+') AS x FROM n;

-- query: regexp_match(x, 'B', 'i')
SELECT id, regexp_match(x, 'B', 'i') AS x FROM n;

-- query: regexp_match(x,'(a)|(b)')
SELECT id, regexp_match(x,'(a)|(b)') AS x FROM n;

-- query: regexp_replace(x,'[a-z]','<\1>')
SELECT id, regexp_replace(x,'[a-z]','<\1>') AS x FROM n;

-- query: regexp_replace(x,'([a-z])','<\1>','g')
SELECT id, regexp_replace(x,'([a-z])','<\1>','g') AS x FROM n;

-- query: regexp_replace(x,'-','+')
SELECT id, regexp_replace(x,'-','+') AS x FROM n;

-- query: i in (1,2,3)
SELECT id, i in (1,2,3) AS x FROM n;

-- query: i not in (1,null)
SELECT id, i not in (1,null) AS x FROM n;

-- query: x in ('abc','ABC')
SELECT id, x in ('abc','ABC') AS x FROM n;

-- query: i between 1 and 7
SELECT id, i between 1 and 7 AS x FROM n;

-- query: i is distinct from 1
SELECT id, i is distinct from 1 AS x FROM n;

-- query: i is not distinct from null
SELECT id, i is not distinct from null AS x FROM n;

-- query: ok is true
SELECT id, ok is true AS x FROM n;

-- query: ok is not true
SELECT id, ok is not true AS x FROM n;

-- query: ok is null
SELECT id, ok is null AS x FROM n;

-- query: ok and i>0
SELECT id, ok and i>0 AS x FROM n;

-- query: ok or i>0
SELECT id, ok or i>0 AS x FROM n;

-- query: not ok
SELECT id, not ok AS x FROM n;

-- query: i = any(array[1,7])
SELECT id, i = any(array[1,7]) AS x FROM n;

-- query: encode(convert_to(x,'utf8'),'hex')
SELECT id, encode(convert_to(x,'utf8'),'hex') AS x FROM n;

-- query: encode(convert_to(x,'utf8'),'base64')
SELECT id, encode(convert_to(x,'utf8'),'base64') AS x FROM n;

-- query: decode(x,'hex')
SELECT id, decode(x,'hex') AS x FROM n;

-- query: decode(encode(convert_to(x,'utf8'),'hex'),'hex')
SELECT id, decode(encode(convert_to(x,'utf8'),'hex'),'hex') AS x FROM n;

-- query: '\x6162'::bytea
SELECT id, '\x6162'::bytea AS x FROM n;

-- query: array[i,2]
SELECT id, array[i,2] AS x FROM n;

-- query: (array[i,s])[1]
SELECT id, (array[i,s])[1] AS x FROM n;

-- query: (array[1,2])[5]
SELECT id, (array[1,2])[5] AS x FROM n;

-- query: 1.5
SELECT id, 1.5 AS x FROM n;

-- query: 1e5
SELECT id, 1e5 AS x FROM n;

-- query: 0.1+0.2
SELECT id, 0.1+0.2 AS x FROM n;

-- query: 1/3.0
SELECT id, 1/3.0 AS x FROM n;

-- query: 2147483648
SELECT id, 2147483648 AS x FROM n;

-- query: 3000000000*2
SELECT id, 3000000000*2 AS x FROM n;

-- query: pi()
SELECT id, pi() AS x FROM n;

-- query: i>1.5
SELECT id, i>1.5 AS x FROM n;

-- query: b=1e0
SELECT id, b=1e0 AS x FROM n;

-- query: d=1.5
SELECT id, d=1.5 AS x FROM n;

-- query: r=1.5
SELECT id, r=1.5 AS x FROM n;

-- query: r=0.1
SELECT id, r=0.1 AS x FROM n;

-- query: octet_length(convert_to(x,'utf8'))
SELECT id, octet_length(convert_to(x,'utf8')) AS x FROM n;

-- query: length(convert_to(x,'utf8'))
SELECT id, length(convert_to(x,'utf8')) AS x FROM n;

-- query: char_length(x)
SELECT id, char_length(x) AS x FROM n;

-- query: substr(x, i)
SELECT id, substr(x, i) AS x FROM n;

-- query: i::varchar||'x'
SELECT id, i::varchar||'x' AS x FROM n;

-- query: power(d,2)
SELECT id, power(d,2) AS x FROM n;

-- query: d^2
SELECT id, d^2 AS x FROM n;

-- query: i^2
SELECT id, i^2 AS x FROM n;

-- query: mod(i,2)
SELECT id, mod(i,2) AS x FROM n;

-- query: power(i,-1)
SELECT id, power(i,-1) AS x FROM n;

-- query: power(d,0.5)
SELECT id, power(d,0.5) AS x FROM n;

-- query: i^3
SELECT id, i^3 AS x FROM n;

-- query: 2^i
SELECT id, 2^i AS x FROM n;

-- query: pow(d,i)
SELECT id, pow(d,i) AS x FROM n;

-- query: d=0.1
SELECT id, d=0.1 AS x FROM n;

-- query: r<0.1
SELECT id, r<0.1 AS x FROM n;

-- query: r+0.1
SELECT id, r+0.1 AS x FROM n;

-- query: r+i
SELECT id, r+i AS x FROM n;

-- query: d-r
SELECT id, d-r AS x FROM n;

-- query: r/s
SELECT id, r/s AS x FROM n;

-- query: -5 + i
SELECT id, -5 + i AS x FROM n;

-- query: -i - -b
SELECT id, -i - -b AS x FROM n;
