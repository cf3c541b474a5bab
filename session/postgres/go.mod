module github.com/crossmint-go/auth/session/postgres

go 1.25.0

require (
	github.com/crossmint-go/auth v0.0.0
	github.com/jackc/pgx/v5 v5.11.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.2 // indirect
	golang.org/x/sync v0.17.0 // indirect
	golang.org/x/text v0.29.0 // indirect
)

replace github.com/crossmint-go/auth => ../..
