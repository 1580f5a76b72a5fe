module mayfly/bench/load

go 1.21
