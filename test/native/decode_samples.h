// Messages as venues send them, with schemas that exercise every kind of field and path on them.
#pragma once
#include <string>
#include <vector>

namespace tickwire::decode::testing {

struct Sample {
  const char* name;
  const char* schema;
  std::vector<std::string> messages;
};

inline const std::vector<Sample>& samples() {
  static const std::
      vector<Sample>
          all =
              {
                  {"binance book ticker",
                   R"({"shapes":[{"name":"t","words":11,"keyField":0,"fields":[
         {"name":"symbol","type":"symbol","path":["s"],"slot":3},{"name":"bid","type":"number","path":["b"],"slot":4},
         {"name":"bidText","type":"decimal","path":["b"],"slot":5},{"name":"bidSize","type":"number","path":["B"],"slot":7},
         {"name":"ask","type":"number","path":["a"],"slot":8},{"name":"askSize","type":"number","path":["A"],"slot":9},
         {"name":"id","type":"int64","path":["u"],"slot":10}]}]})",
                   {R"({"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"})",
                    R"({"u":400900218,"s":"BTCUSDT","b":"61234.35190000","B":"0.21000000","a":"61234.36520000","A":"123456.66000000"})",
                    R"({"u":9223372036854775807,"s":"X","b":"1","B":"0","a":"1e3","A":"123456789012345678.5"})",
                    R"({"u":-5,"s":"","b":"-0.0","B":"0.00000001","a":"12345678.12345678","A":"99999999999999999"})"}},
                  {"binance futures, four shapes on one socket",
                   R"({"select":["data","e"],"cases":[{"text":"bookTicker","shape":0},{"text":"depthUpdate","shape":1},
         {"text":"aggTrade","shape":2},{"text":"kline","shape":3}],"otherwise":"ignore","shapes":[
         {"name":"ticker","words":8,"keyField":0,"fields":[{"name":"s","type":"symbol","path":["data","s"],"slot":3},
          {"name":"b","type":"number","path":["data","b"],"slot":4},{"name":"a","type":"number","path":["data","a"],"slot":5},
          {"name":"T","type":"int64","path":["data","T"],"slot":6},{"name":"stream","type":"text","path":["stream"],"slot":7}]},
         {"name":"depth","words":9,"flagsSlot":8,"keyField":0,"fields":[{"name":"s","type":"symbol","path":["data","s"],"slot":3},
          {"name":"bids","type":"levels","path":["data","b"],"slot":4},
          {"name":"asks","type":"levels","path":["data","a"],"slot":5,"exact":true,"maxLevels":3},
          {"name":"pu","type":"int64","path":["data","pu"],"slot":6,"optional":true,"bit":3},
          {"name":"best","type":"number","path":["data","b",0,0],"slot":7,"optional":true,"bit":0}]},
         {"name":"trade","words":10,"keyField":0,"fields":[{"name":"s","type":"symbol","path":["data","s"],"slot":3},
          {"name":"p","type":"decimal","path":["data","p"],"slot":4},{"name":"q","type":"number","path":["data","q"],"slot":6},
          {"name":"m","type":"bool","path":["data","m"],"slot":7},{"name":"T","type":"int64","path":["data","T"],"slot":8},
          {"name":"raw","type":"text","path":["data","f"],"slot":9}]},
         {"name":"kline","words":8,"flagsSlot":7,"fields":[{"name":"close","type":"number","path":["data","k","c"],"slot":3},
          {"name":"closed","type":"bool","path":["data","k","x"],"slot":4},
          {"name":"interval","type":"symbol","path":["data","k","i"],"slot":5},
          {"name":"extra","type":"number","path":["data","k","zz"],"slot":6,"optional":true,"bit":63}]}]})",
                   {R"({"stream":"sushiusdt@bookTicker","data":{"e":"bookTicker","u":600859600576,"s":"SUSHIUSDT","b":"7.6110","B":"2","a":"7.6120","A":"297","T":1626992741012,"E":1626992741017}})",
                    R"({"stream":"sushiusdt@depth@100ms","data":{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":600859599090,"u":600859600917,"pu":600859598061,"b":[["7.5040","813"],["7.6090","0"],["7.6110","2"]],"a":[["7.6150","1563"],["7.6220","3284"]]}})",
                    R"({"stream":"akrousdt@depth@100ms","data":{"e":"depthUpdate","E":1626992741077,"T":1626992740974,"s":"AKROUSDT","U":600859599831,"u":600859599831,"pu":600859598061,"b":[],"a":[["0.01737","437848"],["0.01738","1"],["0.01739","2"],["0.01740","3"]]}})",
                    R"({"stream":"akrousdt@depth@100ms","data":{"e":"depthUpdate","E":1,"T":2,"s":"AKROUSDT","U":3,"u":4,"pu":null,"b":[["1",2,["x"]],[3,"4","5",null,true]],"a":[]}})",
                    R"({"stream":"sushiusdt@aggTrade","data":{"e":"aggTrade","E":1626992741477,"a":86171412,"s":"SUSHIUSDT","p":"7.6130","q":"13","f":205187243,"l":205187243,"T":1626992741323,"m":false}})",
                    R"({"stream":"sushiusdt@aggTrade","data":{"e":"aggTrade","E":1626992741477,"a":86171412,"s":"SUSHIUSDT","p":"7.6130","q":"13","f":{"x":[1,{"y":"é"}]},"l":205187243,"T":1626992741323,"m":true}})",
                    R"({"stream":"ctkusdt@kline_1m","data":{"e":"kline","E":1626992741477,"s":"CTKUSDT","k":{"t":1626992700000,"T":1626992759999,"s":"CTKUSDT","i":"1m","f":27434541,"L":27434544,"o":"1.09000","c":"1.09010","h":"1.09010","l":"1.08990","v":"260","n":4,"x":false,"q":"283.41","V":"57","Q":"62.13","B":"0"}}})",
                    R"({ "stream": "a", "data": { "e": "depthUpdate", "E": 1, "T": 2, "s": "A", "U": 3, "u": 4, "pu": 7, "b": [ [ "1" , 2, [ "x" ] , 3 ], [3, "4" ] ], "a": [ ] }})",
                    R"({"stream":"x","data":{"e":"other","list":[1,2,{"a":[]}],"flag":true}})",
                    R"({"result":null,"id":1})"}},
                  {"confirmations with the name of a shape and no rows",
                   R"({"select":["channel"],"cases":[{"text":"trades","shape":0},{"text":"books","shape":1}],"shapes":[
         {"name":"trades","each":["data"],"eachAbsent":"ignore","words":5,"keyField":0,"fields":[
          {"name":"id","type":"symbol","path":["instId"],"from":"root","slot":3},
          {"name":"px","type":"number","path":["px"],"slot":4}]},
         {"name":"books","each":["data","rows"],"words":4,"fields":[
          {"name":"px","type":"number","path":["px"],"slot":3}]}]})",
                   {R"({"channel":"trades","instId":"BTC-USD","data":[{"px":"1.5"},{"px":"2.5"}]})",
                    R"({"event":"subscribe","channel":"trades","instId":"BTC-USD"})",
                    R"({"channel":"trades","instId":"BTC-USD","data":null})",
                    R"({"channel":"trades","instId":"BTC-USD","data":[]})",
                    R"({"channel":"trades","instId":"BTC-USD","data":{"px":"1"}})",
                    R"({"event":"subscribe","channel":"books"})", R"({"channel":"books","data":{"rows":[{"px":7}]}})",
                    R"({"channel":"books","data":null})"}},
                  {"okx, rows from an array, fields from outside",
                   R"({"select":["arg","channel"],"cases":[{"text":"books","mode":"prefix","shape":0},{"text":"trades","shape":1}],
         "absent":2,"otherwise":"ignore","shapes":[
         {"name":"books","each":["data"],"words":10,"flagsSlot":9,"keyField":0,"fields":[
          {"name":"instId","type":"symbol","path":["arg","instId"],"from":"root","slot":3},
          {"name":"bids","type":"levels","path":["bids"],"slot":4},{"name":"asks","type":"levels","path":["asks"],"slot":5},
          {"name":"ts","type":"int64","path":["ts"],"slot":6},{"name":"sum","type":"number","path":["checksum"],"slot":7},
          {"name":"action","type":"text","path":["action"],"from":"root","slot":8,"optional":true,"bit":1}]},
         {"name":"trades","each":["data"],"words":11,"flagsSlot":10,"keyField":0,"fields":[
          {"name":"instId","type":"symbol","path":["instId"],"slot":3},
          {"name":"px","type":"decimal","path":["px"],"slot":4},{"name":"sz","type":"number","path":["sz"],"slot":6},
          {"name":"side","type":"symbol","path":["side"],"slot":7},
          {"name":"seq","type":"int64","path":["seqId"],"slot":8,"optional":true,"bit":0},
          {"name":"chan","type":"symbol","path":["arg","channel"],"from":"root","slot":9}]},
         {"name":"event","words":6,"flagsSlot":5,"fields":[{"name":"event","type":"text","path":["event"],"slot":3},
          {"name":"code","type":"int64","path":["code"],"slot":4,"optional":true,"bit":0}]}]})",
                   {R"({"arg":{"channel":"books","instId":"ETH-USD"},"action":"snapshot","data":[{"asks":[["1833.3","0.0133","0","1"],["1834.1","2.4","0","2"]],"bids":[["1832.2","0.5","0","1"]],"ts":"1685221668001","checksum":-1262475425}]})",
                    R"({"arg":{"channel":"books5","instId":"BTC-USD"},"action":"update","data":[{"asks":[],"bids":[["27000.1","0.5","0","1"]],"ts":"1685221668002","checksum":1262475425}]})",
                    R"({"arg":{"channel":"trades","instId":"BTC-USD"},"data":[{"instId":"BTC-USD","tradeId":"1","px":"27000.10","sz":"0.01","side":"buy","ts":"1685221668001"},{"instId":"BTC-USD","tradeId":"2","px":"27000.20","sz":"0.02","side":"sell","ts":"1685221668002"},{"instId":"BTC-USD","tradeId":"3","px":"27000.30","sz":"0.03","side":"buy","ts":"1685221668003"}]})",
                    R"({"arg":{"channel":"trades","instId":"BTC-USD"},"data":[{"instId":"BTC-USD","px":"27000.10","sz":"0.01","side":"buy","seqId":17}]})",
                    R"({"arg":{"channel":"trades","instId":"BTC-USD"},"data":[]})",
                    R"({"event":"subscribe","arg":{"instId":"x"}})", R"({"event":"error","code":"60012"})",
                    R"({"arg":{"channel":"tickers"},"data":[{"x":1}]})"}},
                  {"kraken, arrays by position",
                   R"({"shapes":[{"name":"t","words":10,"flagsSlot":9,"keyField":3,"fields":[
         {"name":"ask","type":"number","path":[1,"a",0],"slot":3},{"name":"askSize","type":"number","path":[1,"a",2],"slot":4},
         {"name":"bid","type":"number","path":[1,"b",0],"slot":5},{"name":"pair","type":"symbol","path":[3],"slot":6},
         {"name":"channel","type":"symbol","path":[0],"slot":7},
         {"name":"more","type":"text","path":[4],"slot":8,"optional":true,"bit":9}]}]})",
                   {R"([1668,{"a":["12.23000000",204,"204.00000000"],"b":["12.19000000",1,"1.00000000"],"c":["12.18000000","2.79000000"],"o":["12.37","12.30"]},"ticker","WAVES/EUR"])",
                    R"([996,{"a":["388.32000000",0,"0.73000000"],"b":["388.01000000",3,"3.00000000"],"c":["388.26000000","0.03000000"],"o":["1","2"]},"ticker","XMR/USD"])",
                    R"([996,{"a":["388.32000000",0,"0.73000000"],"b":["388.01000000",3,"3.00000000"],"c":["388.26000000","0.03000000"],"o":["1","2"]},"ticker","XMR/USD",{"v":1}])"}},
                  {"coinbase, levels as objects; selection by suffix; nulls",
                   R"({"select":["stream"],"cases":[{"text":"@depth","mode":"suffix","shape":0},{"text":"7","shape":1},{"text":"true","shape":1}],
         "absent":1,"shapes":[{"name":"depth","words":8,"flagsSlot":6,"fields":[
          {"name":"u","type":"levels","path":["updates"],"slot":3,"priceKey":"price_level","sizeKey":"new_quantity"},
          {"name":"x","type":"number","path":["x"],"slot":4,"optional":true,"bit":5},
          {"name":"all","type":"text","path":["updates"],"slot":5},
          {"name":"stream","type":"text","path":["stream"],"slot":7}]},
         {"name":"rest","words":5,"fields":[{"name":"whole","type":"text","path":[],"slot":3},
          {"name":"same","type":"bool","path":["b"],"slot":4}]}]})",
                   {R"({"stream":"btc@depth","x":1.5,"updates":[{"side":"bid","event_time":"z","price_level":"21921.73","new_quantity":"0.06317902"},{"side":"offer","price_level":"21921.3","new_quantity":"0.024"}]})",
                    R"({"stream":"eth@depth","x":null,"updates":[{"price_level":1,"new_quantity":2,"deep":{"a":[1]}}]})",
                    R"({"stream":"doge@depth","updates":[]})",
                    R"({"stream":"w@depth","updates":[ { "price_level" : 1 , "q":[], "new_quantity": "2" } , {"new_quantity":1,"price_level":2}]})",
                    R"({"stream":"dup@depth","updates":[{"price_level":1,"new_quantity":2,"price_level":3}]})",
                    R"({"stream":null,"b":true})", R"({"stream":7,"b":false})", R"({"stream":true,"b":false})",
                    R"({"b":true})", R"({"stream":{"a":1},"b":true})", R"({"stream":[1],"b":true})"}},
                  {"coinbase, rows from the arrays in an array; empty ones are rows",
                   R"({"select":["channel"],"cases":[{"text":"l2_data","shape":0},{"text":"trades","shape":1}],"shapes":[
         {"name":"book","within":["events"],"each":["updates"],"eachAbsent":"empty","words":13,"groupSlot":11,"flagsSlot":12,
          "keyField":0,"fields":[
          {"name":"id","type":"symbol","path":["product_id"],"from":"within","slot":3},
          {"name":"type","type":"symbol","path":["type"],"from":"within","slot":4},
          {"name":"side","type":"symbol","path":["side"],"slot":5},
          {"name":"price","type":"decimal","path":["price_level"],"slot":6},
          {"name":"size","type":"number","path":["new_quantity"],"slot":8},
          {"name":"seq","type":"int64","path":["sequence_num"],"from":"root","slot":9},
          {"name":"note","type":"text","path":["note"],"from":"within","slot":10,"optional":true,"bit":0}]},
         {"name":"trades","within":["events"],"each":["trades"],"eachAbsent":"ignore","words":6,"fields":[
          {"name":"px","type":"number","path":["price"],"slot":3},
          {"name":"kind","type":"text","path":["type"],"from":"within","slot":4},
          {"name":"seq","type":"int64","path":["sequence_num"],"from":"root","slot":5}]}]})",
                   {R"({"channel":"l2_data","sequence_num":1,"events":[{"type":"snapshot","product_id":"A-B","updates":[{"side":"bid","price_level":"1.50","new_quantity":"2"},{"side":"offer","price_level":"1.60","new_quantity":"3"}]}]})", R"({"channel":"l2_data","sequence_num":2,"events":[{"type":"update","product_id":"A-B","updates":[{"side":"bid","price_level":"1.51","new_quantity":"2"}]}]})", R"({"channel":"l2_data","sequence_num":3,"events":[{"type":"update","product_id":"A-B","updates":[{"side":"bid","price_level":"1.51","new_quantity":"0"}]},{"type":"snapshot","product_id":"C-D","updates":[{"side":"bid","price_level":"9","new_quantity":"1"}]}]})", R"({"channel":"l2_data","sequence_num":4,"events":[{"type":"update","product_id":"C-D","updates":[{"side":"bid","price_level":"8","new_quantity":"1"}]}]})", R"({"channel":"l2_data","sequence_num":5,"events":[{"type":"snapshot","product_id":"A-B","updates":[]}]})", R"({"channel":"l2_data","sequence_num":6,"events":[{"type":"snapshot","product_id":"A-B","updates":null}]})", R"({"channel":"l2_data","sequence_num":7,"events":[{"type":"snapshot","product_id":"A-B"},{"type":"update","product_id":"C-D","note":"n","updates":[{"side":"bid","price_level":"1","new_quantity":"2"},{"side":"bid","price_level":"3","new_quantity":"4"}]}]})", R"({"channel":"l2_data","sequence_num":8,"events":[]})", R"({"channel":"l2_data","sequence_num":9})", R"({"channel":"l2_data","sequence_num":9,"events":[{"type":"update","updates":[]}]})", R"({"channel":"l2_data","sequence_num":9,"events":[{"type":"update","product_id":"C-D","updates":[{"side":"bid","price_level":"1"}]}]})", R"({"channel":"l2_data","events":[{"type":"update","product_id":"C-D","updates":[]}]})", R"({"channel":"l2_data","sequence_num":9,"events":[7]})", R"({"channel":"l2_data","sequence_num":9,"events":{}})", R"({"channel":"l2_data","sequence_num":9,"events":[{"type":"update","product_id":"C-D","updates":{}}]})", R"({"channel":"trades","sequence_num":1,"events":[{"type":"update","trades":[{"price":"1"},{"price":"2"}]}]})", R"({"channel":"trades","sequence_num":2,"events":[{"type":"update","trades":[{"price":"1"}]},{"type":"x","trades":[{"price":"5"}]}]})", R"({"channel":"trades","sequence_num":3,"events":[{"type":"update","trades":[]}]})", R"({"channel":"trades","sequence_num":3,"events":[{"type":"update"}]})", R"({"channel":"trades","sequence_num":3,"events":[]})", R"({"channel":"trades","sequence_num":3})"}},
                  {"message is the array; white space; escapes; duplicate keys",
                   R"({"shapes":[{"name":"r","each":[],"words":7,"flagsSlot":6,"keyField":0,"fields":[
         {"name":"s","type":"symbol","path":["s"],"slot":3},{"name":"t","type":"text","path":["t"],"slot":4},
         {"name":"n","type":"number","path":["n"],"slot":5,"optional":true,"bit":0}]}]})",
                   {R"([{"s":"A","t":"one","n":1},{"s":"B","t":"two","n":2}])",
                    R"( [ { "s" : "A" , "t" : "" , "n" : 1e-3 } ] )", R"([{"s":"é","t":"日本語","n":1}])",
                    R"([{"s":"\u0041\ud83d\ude00","t":"a\nb\"\\\/","n":"1\u0030"}])",
                    R"([{"s":"A","t":"x","s":"B","n":null,"t":5}])", R"([])", R"([{"s":1.50,"t":[1,2],"\u006e":3}])"}},
                  {"kraken, orders",
                   R"({"select":["channel"],"cases":[{"text":"level3","shape":0}],"shapes":[
         {"name":"l3","each":["data"],"words":9,"flagsSlot":8,"keyField":0,"fields":[
          {"name":"symbol","type":"symbol","path":["symbol"],"slot":3},
          {"name":"type","type":"symbol","path":["type"],"from":"root","slot":4},
          {"name":"checksum","type":"int64","path":["checksum"],"slot":5,"optional":true,"bit":0},
          {"name":"bids","type":"orders","path":["bids"],"slot":6,"maxLevels":2,"idKey":"order_id","priceKey":"limit_price",
           "sizeKey":"order_qty","timeKey":"timestamp","actKey":"event","change":"modify","remove":"delete"},
          {"name":"asks","type":"orders","path":["asks"],"slot":7,"idKey":"order_id","priceKey":"limit_price","sizeKey":"order_qty"}]}]})",
                   {R"({"channel":"level3","type":"snapshot","data":[{"symbol":"MATIC/USD","checksum":281817320,"bids":[{"order_id":"O6ZQNQ-BXL4E-5WGINO","limit_price":0.5629,"order_qty":111.56125344,"timestamp":"2023-10-06T17:35:00.279389650Z"}],"asks":[{"order_id":"OLLSXO-HDMT3-BUOKEI","limit_price":0.5630,"order_qty":4422.9978357}]}]})", R"({"channel":"level3","type":"update","data":[{"symbol":"A","bids":[{"event":"delete","order_id":"1"},{"event":"modify","order_id":"22","limit_price":1,"order_qty":"2","timestamp":5},{"order_id":"3","limit_price":1,"order_qty":2}],"asks":[]},{"symbol":"B","checksum":null,"bids":[],"asks":[]}]})", R"({"channel":"level3","type":"update","data":[{"symbol":"A","bids":[{"order_id":"1","limit_price":1,"order_qty":2,"timestamp":"1999-12-31T18:30:00.5-05:30","order_id":"\u0032"}],"asks":[]}]})",
                    R"({"channel":"level3","type":"update","data":[{"symbol":"A","bids":[{"order_id":"a","limit_price":1,"order_qty":2}],"asks":[]}]})"}},
              };
  return all;
}

}  // namespace tickwire::decode::testing
